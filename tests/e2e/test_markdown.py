"""The playground's Markdown in a real browser, alone: what it draws, and how much it works for an answer that grows.

Work is counted, not timed: characters that its patterns and cuts are given, nodes that it makes."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from coordinator.dashboard.files import FOLDER
from tests.e2e.browser import visit

URL = "http://dashboard.test"  # nobody is asked: the page below answers for it
PAGE = "<!doctype html><title>Markdown</title>"
DRAWN = """async ([file, text, step]) => {
  const { Markdown } = await import(file);
  const view = new Markdown();
  const until = [...Array(Math.ceil(text.length / step)).keys()].map((place) => text.slice(0, (place + 1) * step));
  let work = 0;
  const counted = (owner, name, cost) => {
    const native = owner[name];
    owner[name] = function (...args) { work += cost(this, ...args); return native.apply(this, args); };
    return () => { owner[name] = native; };
  };
  const restore = [
    counted(RegExp.prototype, "exec", (_, of) => of.length),
    counted(String.prototype, "split", (of) => of.length),
    counted(String.prototype, "slice", (of, from = 0, to = of.length) => Math.max(0, to - from)),
    counted(String.prototype, "indexOf", (of, what, from = 0) => of.length - from),
    counted(JSON, "stringify", (_, of) => String(of?.lines ?? of).length),
    counted(document, "createElement", () => 1),
    counted(document, "createTextNode", () => 1),
    counted(Element.prototype, "append", (_, ...of) => of.length),
  ];
  for (const text of until) view.show(text);
  restore.forEach((back) => back());
  return { html: view.node.innerHTML, text: view.node.textContent, work };
}"""
ALL = """# One *two*
text with **bold _and_ `code`**, ~~old~~
and [a link](https://example.org)
***
- first
- second
  goes on
  1. inner
  2. inner too
    - deep
- third

> quoted
> on two lines

| a | b |
| not a table

| a | `b` |
|---|:-:|
| 1 | 2 |
after
```py
x = "**"

``
```
end"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(URL).lstrip("/")
        if name.endswith(".js"):
            route.fulfill(body=(FOLDER / name).read_text(), content_type="text/javascript")
        else:
            route.fulfill(body=PAGE, content_type="text/html")

    with visit(browser, URL) as here:
        here.page.route("**/*", answer)
        here.open("/")
        yield here.page


def drawn(page: Page, text: str, step: int) -> Any:
    return page.evaluate(DRAWN, ["/playground/markdown.js", text, step])


def test_each_mark_is_drawn(page: Page) -> None:
    copy = '<button type="button" class="copy">Copy</button>'
    link = (
        '<a href="https://example.org" target="_blank" rel="noopener noreferrer nofollow" title="https://example.org">'
    )
    deep = "<li>inner too<ul><li>deep</li></ul></li>"
    assert drawn(page, ALL, len(ALL))["html"] == (
        "<h3>One <em>two</em></h3>"
        "<p>text with <strong>bold <em>and</em> <code>code</code></strong>, <del>old</del><br>"
        f"and {link}a link</a></p><hr>"
        f'<ul><li>first</li><li>second goes on<ol start="1"><li>inner</li>{deep}</ol></li><li>third</li></ul>'
        "<blockquote>quoted<br>on two lines</blockquote>"
        "<p>| a | b |<br>| not a table</p>"
        '<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">a</th><th scope="col"><code>b</code></th>'
        "</tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>"
        f'<p>after</p><figure class="code"><figcaption><span>py</span>{copy}</figcaption>'
        '<pre tabindex="0"><code>x = "**"\n\n``</code></pre></figure><p>end</p>'
    )


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_an_answer_that_grows_ends_as_one_that_came_at_once(page: Page, step: int) -> None:
    for text in (ALL, "  - a\n- b\n\n" + ALL.replace("\n", "\n\n"), "x **y** " * 700, "- " + "ab " * 900, "| a " * 900):
        assert drawn(page, text, step)["html"] == drawn(page, text, len(text))["html"]


@pytest.mark.parametrize(
    "long", ["word " * 1000, "w" * 5000, "\U0001f600" * 3001, "- " + "a b " * 1500, "# " + "é" * 5000]
)
def test_a_very_long_line_loses_nothing(page: Page, long: str) -> None:
    assert drawn(page, long, 50)["text"].split() == long.removeprefix("- ").removeprefix("# ").split()


@pytest.mark.parametrize(
    "line",
    [
        "- an item of a *list*\n",
        "  1. an item of a list\n\n",
        "words of a paragraph\n",
        "> words of somebody\n",
        "| a | b |\n|---|---|\n",
        "paragraph\n\n",
        "a line without an end **or** so, ",
        "abc",
        "- ",
    ],
)
@pytest.mark.parametrize("before", ["", "```\n", "- a\n"])
def test_twice_the_answer_is_twice_the_work(page: Page, before: str, line: str) -> None:
    short, long = (drawn(page, before + line * (length // len(line)), 4)["work"] for length in (8_000, 16_000))
    assert 0 < long < 2.6 * short


THOUGHT = """async (length) => {
  const { AnswerView } = await import("/playground/turns.js");
  const { Answer } = await import("/playground/chat.js");
  window.requestAnimationFrame = (draw) => { draw(); return 0; };
  let work = 0;
  const text = Object.getOwnPropertyDescriptor(Node.prototype, "textContent");
  Object.defineProperty(Node.prototype, "textContent", {
    configurable: true,
    get() { const found = text.get.call(this); work += found.length; return found; },
    set(to) { work += to.length; text.set.call(this, to); },
  });
  const append = CharacterData.prototype.appendData;
  CharacterData.prototype.appendData = function (more) { work += more.length; append.call(this, more); };
  const parse = JSON.parse;
  JSON.parse = (text) => { work += text.length; return parse(text); };
  const view = new AnswerView("m");
  const answer = new Answer();
  answer.calls.push({ id: "", name: "f", arguments: "" });
  for (let sent = 0; sent < length; sent += 4) {
    answer.reasoning += "hums";
    answer.calls[0].arguments += sent ? "1234" : "[123";
    view.show(answer);
  }
  answer.calls[0].arguments += "]";
  view.finish(answer, null, () => {});
  const shown = [view.thought, view.callViews[0].text].map((node) => text.get.call(node).length);
  Object.defineProperty(Node.prototype, "textContent", text);
  Object.assign(CharacterData.prototype, { appendData: append });
  JSON.parse = parse;
  return [work, ...shown];
}"""


def test_twice_the_thought_and_twice_the_call_are_twice_the_work(page: Page) -> None:
    (short, *_), (long, thought, call) = (page.evaluate(THOUGHT, length) for length in (8_000, 16_000))
    assert thought == 16_000 and call > 0
    assert 0 < long < 2.6 * short
