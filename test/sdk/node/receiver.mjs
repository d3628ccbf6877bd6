// A seller's endpoint, as the vendors' own SDKs for receivers make it: it takes pushes at /push, and keeps
// the orders of those that the SDK accepts at /orders/ID. It prints its port, and one line for each push.
// It is run by receivers_test.go:
//
//   node receiver.mjs shopify SECRET
//   node receiver.mjs ebay ADDRESS CLIENT_ID CLIENT_SECRET
import http from "node:http";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [platform, ...args] = process.argv.slice(2);
const orders = new Map();

const receivers = {
  // Verifies headers and signature, and says what it read of them.
  async shopify(secret) {
    await import("@shopify/shopify-api/adapters/node");
    const { shopifyApi, ApiVersion, LogSeverity } = await import("@shopify/shopify-api");
    const shopify = shopifyApi({
      apiKey: "key", apiSecretKey: secret, hostName: "shop.test", isEmbeddedApp: false,
      apiVersion: Object.values(ApiVersion).at(-2), logger: { level: LogSeverity.Error },
    });
    return async (req, res, rawBody) => {
      const said = await shopify.webhooks.validate({ rawBody, rawRequest: req, rawResponse: res });
      if (!said.valid) return { status: 401, said };
      const order = JSON.parse(rawBody);
      return { status: 200, said, id: String(order.id) };
    };
  },
  // Fetches the public key of the header's kid from the Notification API, at ADDRESS in place of eBay.
  async ebay(address, clientId, clientSecret) {
    const https = require("node:https");
    const { hostname, port } = new URL(address);
    https.request = ({ agent, agents, protocol, hostname: _, host: __, ...options }, answered) =>
      http.request({ ...options, hostname, port, agent: undefined }, answered);
    // eBay's SDK has processors for other topics; one for orders is the receiver's own.
    const processors = require("event-notification-nodejs-sdk/lib/processor/processor");
    let last;
    processors.getProcessor = () => ({ process: (message) => { last = message.notification.data.orderId; } });
    const sdk = require("event-notification-nodejs-sdk");
    const keys = { clientId, clientSecret };
    return async (req, res, rawBody) => {
      last = undefined;
      const status = await sdk.process(JSON.parse(rawBody), req.headers["x-ebay-signature"], { PRODUCTION: keys, SANDBOX: keys }, "PRODUCTION");
      return { status, id: last };
    };
  },
};

const receive = await receivers[platform](...args);

http.createServer((req, res) => {
  const chunks = [];
  req.on("data", (c) => chunks.push(c));
  req.on("end", async () => {
    const id = req.url.replace("/orders/", "");
    if (req.url === "/push") {
      const { status, said, id: order } = await receive(req, res, Buffer.concat(chunks).toString());
      if (status < 300) orders.set(order, true);
      console.log(JSON.stringify({ status, order, said }));
      res.writeHead(status).end();
    } else if (!orders.has(id)) {
      res.writeHead(404).end();
    } else {
      if (req.method === "DELETE") orders.delete(id);
      res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ id }));
    }
  });
}).listen(0, "127.0.0.1", function () { console.log(JSON.stringify({ port: this.address().port })); });
