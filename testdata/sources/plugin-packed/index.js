export default { id: "acme-packed", name: "acme-packed", register(_api) {} };
