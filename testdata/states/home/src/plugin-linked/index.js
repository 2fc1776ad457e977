export default { id: "acme-linked", name: "acme-linked", register(_api) {} };
