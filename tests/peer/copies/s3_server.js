// Run npm's s3rver on any free port, with one bucket, in a folder; print its URL.
const path = require("path");
const [modules, folder] = process.argv.slice(2);
const S3rver = require(path.join(modules, "s3rver"));
new S3rver({
  address: "127.0.0.1",
  port: 0,
  silent: true,
  directory: folder,
  configureBuckets: [{ name: "copies" }],
})
  .run()
  .then(({ address, port }) => console.log(`http://${address}:${port}`));
