export default async function handler(_event) {}
