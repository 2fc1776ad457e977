export default { id: "acme-notes", name: "acme-notes", register(_api) {} };
