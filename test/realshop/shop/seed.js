'use strict';
// Makes the tables and a small catalogue in an empty database.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { bootstrap } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { config } = require('./config');

const catalogue = [
    ['TEE-BLACK-M', 'Tee, black, M', '19.99'], ['TEE-BLACK-L', 'Tee, black, L', '19.99'], ['TEE-WHITE-M', 'Tee, white, M', '18.99'],
    ['HOODIE-GREY-M', 'Hoodie, grey, M', '49.90'], ['HOODIE-GREY-L', 'Hoodie, grey, L', '49.90'], ['CAP-NAVY', 'Cap, navy', '14.50'],
    ['MUG-WHITE', 'Mug, white', '9.90'], ['MUG-BLUE', 'Mug, blue', '9.90'], ['SOCKS-3', 'Socks, three pairs', '12.00'],
    ['BAG-TOTE', 'Tote bag', '16.80'], ['BELT-BROWN', 'Belt, brown', '29.00'], ['SCARF-RED', 'Scarf, red', '22.40'],
];

const initial = {
    defaultLanguage: 'en',
    defaultZone: 'Asia',
    countries: [{ code: 'SG', name: 'Singapore', zone: 'Asia' }],
    taxRates: [{ name: 'Standard Tax', percentage: 0 }],
    shippingMethods: [{ name: 'Post', price: 500 }],
    paymentMethods: [{ name: 'card', handler: { code: 'card', arguments: [] } }],
    collections: [],
};

const header = 'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets';
const rows = catalogue.map(([sku, name, price]) => `"${name}",${sku.toLowerCase()},"${name}",,,,,${sku},${price},standard,1000,false,,`);

async function main() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'realshop-'));
    try {
        const csv = path.join(folder, 'products.csv');
        fs.writeFileSync(csv, [header, ...rows, ''].join('\n'));
        const { SHOP_PORT: port, SHOP_DATABASE: database } = process.env;
        const app = await populate(() => bootstrap(config({ version: 'v1', port: Number(port), database, quiet: true })), initial, csv);
        await app.close();
    } finally {
        fs.rmSync(folder, { recursive: true, force: true });
    }
}

main().then(() => process.exit(0), err => {
    console.error(err);
    process.exit(1);
});
