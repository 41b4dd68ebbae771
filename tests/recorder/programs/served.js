// Serves MCP over TLS and asks itself for a tool; the certificate and its key are one file.
const { readFileSync } = require("fs");
const https = require("https");

process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
const both = readFileSync(process.argv[2]);
const server = https.createServer({ key: both, cert: both }, (request, answer) => {
  request.resume();
  request.on("end", () => answer.end("{}"));
});
server.listen(0, "127.0.0.1", () => {
  const options = { port: server.address().port, method: "POST", servername: "node.example" };
  const request = https.request("https://127.0.0.1", options, (answer) => {
    answer.resume();
    answer.on("end", () => server.close());
  });
  request.end(JSON.stringify({ method: "tools/call", params: { name: "by_node" } }));
});
