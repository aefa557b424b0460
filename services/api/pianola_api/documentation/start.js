async function show() {
  const urls = [{ url: "/openapi.json", name: "datasets, runs, models" }];
  // An api by itself has no samplers behind its address.
  const sampler = { url: "/sampler/openapi.json", name: "what models play" };
  const { ok } = await fetch(sampler.url, { method: "HEAD" });
  if (ok) {
    urls.push(sampler);
  }
  SwaggerUIBundle({
    urls,
    dom_id: "#swagger-ui",
    deepLinking: true,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "StandaloneLayout",
  });
}

show();
