// Lets the SP-API client call a marketplace at an address and prints what it makes of each
// answer, a line of JSON each: node amazon.mjs ADDRESS TOKEN. It is run by amazon_test.go.
import { OrdersApiClient, clientRateLimits } from "@sp-api-sdk/orders-api-v0";

const [address, token] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

const client = (rateLimiting) => {
  const c = new OrdersApiClient({ auth: { getAccessToken: async () => token }, region: "na", rateLimiting });
  c.basePath = address;
  return c;
};

const call = async (name, ask) => {
  try {
    const { status, data, headers } = await ask();
    say({ call: name, status, data, rate: headers["x-amzn-ratelimit-limit"] });
  } catch (err) {
    say({ call: name, status: err.response?.status, data: err.response?.data, error: err.message, type: err.name });
  }
};

await call("getOrder", () => client().getOrder({ orderId: "902-1845936-5435065" }));
await call("getOrders", () => client().getOrders({ marketplaceIds: ["ATVPDKIKX0DER"], createdAfter: "2026-01-01T00:00:00Z" }));

// With retries: it would wait for what it knows of the rate. That is told, and not waited for.
const waits = new Promise((resolve) => {
  const limiting = { retry: true, onRetry: ({ rateLimit }) => resolve(rateLimit) };
  client(limiting).getOrders({ marketplaceIds: ["ATVPDKIKX0DER"], createdAfter: "2026-01-01T00:00:00Z" }).then(() => resolve(null), () => resolve(null));
});
say({ call: "retry", rate: await waits });

for (const { method, urlRegex, rate, burst } of clientRateLimits) {
  say({ call: "limit", method, path: urlRegex.source, rate, burst });
}
process.exit(0);
