export default { id: "acme-archived", name: "acme-archived", register(_api) {} };
