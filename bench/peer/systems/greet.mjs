// For workerd: POST ["Ada"], get {"result": "Hello, Ada!"}; what is no such text is greeted as nobody.
export default {
  async fetch(request) {
    let name = "nobody";
    try {
      [name] = JSON.parse(await request.text());
    } catch {}
    return new Response(JSON.stringify({ result: `Hello, ${name}!` }), {
      headers: { "content-type": "application/json" },
    });
  },
};
