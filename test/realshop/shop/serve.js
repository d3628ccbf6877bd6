'use strict';
// Runs one version of the shop, until it gets SIGTERM.

const { bootstrap } = require('@vendure/core');
const { config } = require('./config');

const { SHOP_VERSION: version, SHOP_PORT: port, SHOP_DATABASE: database } = process.env;

bootstrap(config({ version, port: Number(port), database })).catch(err => {
    console.error(err);
    process.exit(1);
});
