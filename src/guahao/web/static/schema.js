// Shows the API's description; loaded after Swagger UI's own bundle.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: "/schema/openapi.json",
    dom_id: "#schema",
    deepLinking: true,
    validatorUrl: null,
    docExpansion: "list",
  });
});
