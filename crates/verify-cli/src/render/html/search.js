for (const input of document.querySelectorAll("input[data-rows]")) {
  const rows = document.getElementById(input.dataset.rows).rows;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  input.parentElement.hidden = false;
}
