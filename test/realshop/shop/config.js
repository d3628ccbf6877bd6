'use strict';
// The shop's configuration in each of its versions. A version differs from v1 only in what its developers
// changed; two of them changed something for the worse, in ways that Vendure's own extension points invite.

const { LanguageCode, LogLevel, DefaultLogger, PaymentMethodHandler } = require('@vendure/core');

// When an order counts as placed: from then on it is in the seller's list of orders.
class PlacedWhenPaid {
    shouldSetAsPlaced(ctx, from, to) {
        return from === 'ArrangingPayment' && (to === 'PaymentAuthorized' || to === 'PaymentSettled');
    }
}

// "Do not place the same order twice": every third order is taken for one that was there already. The
// buyer has paid and is thanked; the seller never sees the order.
class ForgetsEveryThird extends PlacedWhenPaid {
    orders = 0;

    shouldSetAsPlaced(ctx, from, to) {
        return super.shouldSetAsPlaced(ctx, from, to) && ++this.orders % 3 !== 0;
    }
}

const card = state => new PaymentMethodHandler({
    code: 'card',
    description: [{ languageCode: LanguageCode.en, value: 'A card' }],
    args: {},
    createPayment: (ctx, order, amount) => ({ amount, state, transactionId: order.code, metadata: {} }),
    settlePayment: () => ({ success: true }),
});

const versions = {
    v1: { placed: new PlacedWhenPaid(), payment: 'Settled' },
    v2: { placed: new PlacedWhenPaid(), payment: 'Settled' },
    v3: { placed: new ForgetsEveryThird(), payment: 'Settled' },
    v4: { placed: new PlacedWhenPaid(), payment: 'Authorized' }, // "settle at shipment", which nobody does yet
    v5: { placed: new PlacedWhenPaid(), payment: 'Settled' },
};

exports.config = ({ version, port, database, quiet }) => ({
    apiOptions: {
        hostname: '127.0.0.1',
        port,
        adminApiPath: 'admin-api',
        shopApiPath: 'shop-api',
        middleware: [{
            route: '*path',
            beforeListen: true,
            handler: (req, res, next) => { res.setHeader('X-Version', version); next(); },
        }],
    },
    authOptions: {
        tokenMethod: ['cookie', 'bearer'],
        superadminCredentials: { identifier: 'superadmin', password: process.env.SHOP_PASSWORD },
        cookieOptions: { secret: process.env.SHOP_PASSWORD },
    },
    dbConnectionOptions: { type: 'postgres', url: database, synchronize: !!quiet, logging: false, extra: { connectionTimeoutMillis: 2000 } },
    logger: new DefaultLogger({ level: quiet ? LogLevel.Error : LogLevel.Warn, timestamp: true }),
    orderOptions: { orderPlacedStrategy: versions[version].placed },
    paymentOptions: { paymentMethodHandlers: [card(versions[version].payment)] },
    // A connector writes the marketplace's number of an order here.
    customFields: { Order: [{ name: 'channelOrderId', type: 'string', nullable: true }] },
});
