(() => {
  const tip = document.createElement('div');
  tip.id = 'tip';
  document.body.append(tip);
  for (const title of document.querySelectorAll('.chart title')) {
    const owner = title.parentNode;
    owner.dataset.tip = title.textContent;
    title.remove();
  }
  const show = event => {
    const owner = event.target.closest ? event.target.closest('[data-tip]') : null;
    tip.classList.toggle('on', !!owner);
    if (!owner) return;
    tip.textContent = owner.dataset.tip;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const above = event.clientY + 18 + box.height > innerHeight;
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = (above ? event.clientY - box.height - 12 : event.clientY + 16) + 'px';
  };
  addEventListener('pointermove', show, {passive: true});
  addEventListener('pointerdown', show, {passive: true});
  for (const block of document.querySelectorAll('.copyable')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      const text = block.querySelector('pre').textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(block.querySelector('pre'));
        const selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        document.execCommand('copy');
      }
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    });
    block.append(button);
  }
  const folded = [...document.querySelectorAll('details')];
  const opened = new Set();
  addEventListener('beforeprint', () => {
    for (const part of folded.filter(part => !part.open)) { part.open = true; opened.add(part); }
  });
  addEventListener('afterprint', () => {
    for (const part of opened) part.open = false;
    opened.clear();
  });
})();
