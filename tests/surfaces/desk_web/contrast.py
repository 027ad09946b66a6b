"""Contrast as WCAG 2 computes it, of every visible text of a page against what lies behind it."""

from typing import Any

from playwright.sync_api import Page

AA = 4.5
AA_LARGE = 3.0

_SCRIPT = """
() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a),
    g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a), a: 1,
  });
  const part = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = (c) => 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b);
  const behind = (node) => {
    const layers = [];
    for (let each = node; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.a) layers.push(colour);
    }
    return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const node = walker.currentNode.parentElement;
    if (!text || !node.checkVisibility() || node.closest("script,style,canvas,caption,.skip,.q-icon,[disabled],.disabled,.nicegui-error-popup")) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    const a = light(over(parse(style.color), ground)), b = light(ground);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    found.push({ text: text.slice(0, 40), ratio, large: size >= 24 || (size >= 18.66 && style.fontWeight >= 700) });
  }
  return found;
}
"""


def too_faint(page: Page) -> tuple[int, list[str]]:
    """How many texts were looked at, and those below AA."""
    found: list[dict[str, Any]] = page.evaluate(_SCRIPT)
    faint = [
        f"{each['text']}: {each['ratio']:.2f}"
        for each in found
        if each["ratio"] < (AA_LARGE if each["large"] else AA)
    ]
    return len(found), faint
