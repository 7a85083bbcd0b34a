"""The built site in a real browser: it opens, asks no other host, can be read and used by everybody, and denoises.

Run ``make site`` first. Screenshots go to build/screenshots.
"""

import re
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
sys.path.insert(0, str(ROOT / "site"))
PAGES = sorted(page.name for page in SITE.glob("*.html"))
FIRST_VISIT = 10_000_000  # bytes

pytestmark = pytest.mark.xdist_group("site")


SENT = []  # bytes, one number a file


class Server(SimpleHTTPRequestHandler):
    """Serves files as they are, nothing compressed, and counts the bytes."""

    def copyfile(self, source, outputfile):
        SENT.append(Path(source.name).stat().st_size)
        super().copyfile(source, outputfile)

    def log_message(self, *arguments):
        pass


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # a browser that goes to the next page hangs up on the last one


@pytest.fixture(scope="session")
def address():
    if not (SITE / "index.html").is_file():
        pytest.fail("build/site is missing: run make site")
    with QuietServer(("127.0.0.1", 0), partial(Server, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Visit:
    """A page in a fresh browser context that notes what goes wrong: console errors, requests to other hosts."""

    def __init__(self, browser, address, width=1280, height=900, dark=False, **options):
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, service_workers="block", **options
        )
        self.address, self.errors, self.elsewhere = address, [], []
        self.context.route("**/*", self._only_here)
        self.context.add_init_script("addEventListener('denoised', (event) => { window.last = event.detail; })")
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, said):
        if said.type == "error":
            self.errors.append(f"{said.text} {said.location['url']}")

    def _only_here(self, route):
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def open(self, name):
        self.page.goto(f"{self.address}/{name}")
        if name == "denoise.html":
            self.page.wait_for_function("window.last")
        return self.page


@pytest.fixture
def visit(browser, address):
    """``visit(width=..., dark=...)`` → a fresh visitor; at the end of the test none may have met an error."""
    visits = []

    def make(**options):
        visits.append(Visit(browser, address, **options))
        return visits[-1]

    yield make
    for one in visits:
        one.context.close()
    assert [error for one in visits for error in one.errors] == []
    assert [url for one in visits for url in one.elsewhere] == []


def latest(page):
    """The numbers of the last answer: pictures as float tensors [1, 1, 28, 28], the rest as they are."""
    found = page.evaluate(
        "({ ...last, ...Object.fromEntries(['clean', 'noisy', 'denoised'].map((k) => [k, [...last[k]]])) })"
    )
    for name in ("clean", "noisy", "denoised"):
        found[name] = torch.tensor(found[name], dtype=torch.float32).view(1, 1, 28, 28)
    return found


def after(page, act):
    """Do something to the page, wait until it has answered, return the answer's numbers."""
    page.evaluate("window.last = null")
    act()
    page.wait_for_function("window.last")
    page.wait_for_timeout(100)  # a drag is several changes: let the last one be answered too
    return latest(page)


SEVEN = [(0.25, 0.2), (0.5, 0.2), (0.75, 0.2), (0.6, 0.5), (0.45, 0.85)]


def places(page, points):
    """Points from 0 to 1 on the drawing pad → coordinates on the page."""
    box = page.locator("#pad").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def draw_with_mouse(page, points):
    first, *others = places(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=5)
    page.mouse.up()


def draw_with_finger(page, points):
    session = page.context.new_cdp_session(page)
    first, *others = [[{"x": x, "y": y}] for x, y in places(page, points)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": first})
    for touch in others:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": touch})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def assert_is_like_mnist(picture, within):
    """Fitted into 20x20 pixels (and one for the antialiased edge), its centre of mass in the middle of pixel 14."""
    index, lengths = torch.arange(28.0), []
    for along in (0, 1):
        ink = picture[0, 0].sum(dim=along)
        lit = ink.nonzero().flatten()
        lengths.append(lit[-1] - lit[0] + 1)
        assert abs((ink * index).sum() / ink.sum() - 14) < within
        assert ink[0] == 0 and ink[-1] == 0
    assert 19 <= max(lengths) <= 21


# --- reading


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_small_and_alone(visit, name):
    SENT.clear()
    page = visit().open(name)
    page.wait_for_load_state("networkidle")
    size = sum(SENT)
    print(f"{name}: {size:,} bytes")
    assert page.title() and 100_000 < size < FIRST_VISIT
    assert page.locator("h1:visible").count() == 1
    pictures = page.locator("img, canvas, svg[role=img]:not([aria-hidden=true], button *)").all()  # not buttons' icons
    texts = [one.get_attribute("alt") or one.get_attribute("aria-label") or "" for one in pictures]
    assert [text for text in texts if len(text) < 20 or text.endswith(".png")] == []
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def test_lessons_are_shown_as_committed(visit):
    page = visit().open("05_evaluation.html")
    assert page.locator(".cell_output").count() > 10
    assert "For teachers" not in page.content()
    first = page.locator("details", has=page.locator("summary", has_text="Answer")).first
    first.locator("summary").click()
    assert first.locator("li, p").first.is_visible()  # Markdown inside was rendered


def test_a_prediction_is_not_spoiled(visit):
    """Each lesson has a folded output, and a click shows it."""
    one = visit()
    for name in [page for page in PAGES if page[0].isdigit()]:
        page = one.open(name)
        folded = page.locator("details", has=page.locator("summary", has_text="Predicted?"))
        assert folded.count(), name
        output = folded.first.locator(".cell_output")
        assert not output.is_visible()
        folded.first.locator("summary").click()
        output.wait_for()


def test_formulas_are_set(visit):
    page = visit().open("02b_least_squares.html")
    assert page.locator("math mfrac").first.is_visible()


def test_search_finds_a_word(visit):
    page = visit().open("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("receptive")
    page.keyboard.press("Enter")
    page.locator("#search-results li a", has_text="Architecture").first.click()
    page.wait_for_url("**/03b_architecture.html*")
    page.locator("article", has_text="receptive").wait_for()


def test_next_and_previous(visit):
    page = visit().open("00_start_here.html")
    page.locator("a.right-next").click()
    assert page.url.endswith("01a_data_loading.html")
    page.locator("a.left-prev").click()
    assert page.url.endswith("00_start_here.html")
    page.locator(".bd-sidebar-primary a", has_text="02a · Noise").click()
    assert page.url.endswith("02a_noise.html")


def test_links_to_pages_of_the_site_lead_somewhere(address):
    for name in PAGES:
        links = re.findall(r'<a [^>]*href="([^"#?]+)', (SITE / name).read_text(encoding="utf-8"))
        inside = [link for link in links if not re.match(r"https?:|mailto:", link)]
        assert len(inside) >= len(PAGES) - 2, name
        assert [link for link in inside if not (SITE / link).is_file()] == [], name


def test_dark_mode_toggles(visit):
    page = visit().open("index.html")
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    page.get_by_label("Color mode").focus()
    page.keyboard.press("Enter")
    page.locator(".theme-change-button[data-mode=dark]").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"{colour} === 'rgb(18, 18, 18)'")
    page.locator("article a", has_text="02a Noise").click()
    page.wait_for_url("**/02a_noise.html")
    page.locator("article").wait_for()
    assert page.evaluate(colour) == "rgb(18, 18, 18)"  # the choice is kept


def test_a_narrow_window_needs_no_sideways_scrolling(visit):
    one = visit(width=400)
    for name in PAGES:
        wide = one.open(name).evaluate("document.documentElement.scrollWidth")
        assert wide <= 400, f"{name} is {wide} pixels wide"


# --- the page that denoises


def test_drawing_with_the_mouse(visit, screenshots):
    page = visit().open("denoise.html")
    found = after(page, lambda: draw_with_mouse(page, SEVEN))
    assert_is_like_mnist(found["clean"], within=1)  # a 7 without its bar would leave the picture
    assert not page.locator("#hint").is_visible()
    page.screenshot(path=screenshots / "site-denoise-drawn.png")
    print(f"mouse: {found['milliseconds']:.1f} ms from hand to picture")
    second = after(page, lambda: draw_with_mouse(page, [(0.3, 0.6), (0.8, 0.6)]))  # its bar
    assert_is_like_mnist(second["clean"], within=0.25)
    assert (second["clean"] - found["clean"]).abs().max() > 0.5
    cleared = after(page, page.locator("#clear").click)
    assert cleared["clean"].max() == 0 and page.locator("#hint").is_visible()


def test_drawing_with_a_finger(visit):
    page = visit(width=400, height=800, has_touch=True).open("denoise.html")
    page.locator("#pad").scroll_into_view_if_needed()
    found = after(page, lambda: draw_with_finger(page, SEVEN))
    assert_is_like_mnist(found["clean"], within=1)  # a 7 without its bar would leave the picture


def test_a_dot_stays_a_dot(visit):
    page = visit().open("denoise.html")
    found = after(page, lambda: page.mouse.click(*places(page, [(0.2, 0.2)])[0]))
    assert 1 <= (found["clean"] > 0).sum() <= 25


def focus_by_tab(page, selector):
    """Press Tab until the element has the focus, as somebody without a mouse must."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not reach {selector}")


def test_keyboard_only(visit):
    page = visit().open("denoise.html")
    first = latest(page)
    focus_by_tab(page, "#other-noise")
    second = after(page, lambda: page.keyboard.press("Enter"))
    assert (second["noisy"] - first["noisy"]).abs().max() > 0.1 and second["clean"].equal(first["clean"])
    focus_by_tab(page, "#digits button:nth-child(8)")
    seven = after(page, lambda: page.keyboard.press("Enter"))
    another = after(page, lambda: page.keyboard.press("Space"))
    assert seven["clean"].ne(another["clean"]).any() and "a 7" in page.locator("#clean").get_attribute("aria-label")
    focus_by_tab(page, "input[name=denoiser]")
    assert after(page, lambda: page.keyboard.press("ArrowDown"))["denoiser"] == "strong"


def test_the_slider_scales_the_same_noise(visit):
    page = visit().open("denoise.html")
    strong = latest(page)
    page.locator("#sigma").focus()
    weak = after(page, lambda: page.keyboard.press("ArrowLeft"))
    assert strong["sigma"] == 0.5 and weak["sigma"] == 0.45
    whole = (strong["noisy"] > 0) & (strong["noisy"] < 1) & (weak["noisy"] > 0) & (weak["noisy"] < 1)  # not clipped
    normal = [(one["noisy"] - one["clean"])[whole] / one["sigma"] for one in (strong, weak)]
    assert whole.sum() > 100 and torch.allclose(*normal, atol=1e-5)
    assert (strong["denoised"] - weak["denoised"]).abs().max() > 1e-3
    page.keyboard.press("Home")
    page.wait_for_function("last.sigma === 0")
    assert "No noise" in page.locator("#verdict").inner_text()


def test_the_noise_is_normal_and_clipped(visit):
    page = visit().open("denoise.html")
    noisy = after(page, page.locator("#clear").click)["noisy"]
    assert noisy.min() == 0 and noisy.max() == 1
    for level, share in {0.0: 0.5, 0.5: 0.841, 0.999: 0.977}.items():  # of N(0, 1): below 0, 1 and 2, for σ = 0.5
        assert abs((noisy <= level).float().mean() - share) < 0.03


def test_every_denoiser_answers_as_in_torch(visit):
    du = pytest.importorskip("denoise_utils")
    networks = pytest.importorskip("networks")
    page = visit().open("denoise.html")
    digits = du.load_digits("mnist5k").test
    three = du.to_float(digits.images[digits.labels == 3][:1])
    assert latest(page)["clean"].equal(three)
    for name in ["median", *networks.NETWORKS]:
        found = after(page, page.locator(f"input[value={name}]").check)
        assert found["denoiser"] == name
        denoiser = du.median_filter(3) if name == "median" else networks.load_network(ROOT / "build/networks", name)
        with torch.no_grad():
            assert (denoiser(found["noisy"]) - found["denoised"]).abs().max() < 1e-4, name
        for id, picture in (("noisy", found["noisy"]), ("denoised", found["denoised"].clamp(0, 1))):
            error = du.mse(picture, found["clean"]).item()
            assert page.locator(f"#{id}-mse").inner_text() == f"MSE {error:.4f}"


def test_tiny_repairs_a_test_digit(visit):
    page = visit().open("denoise.html")
    for digit in range(10):
        found = after(page, page.locator("#digits button").nth(digit).click)
        before = (found["noisy"] - found["clean"]).square().mean()
        assert (found["denoised"].clamp(0, 1) - found["clean"]).square().mean() < before / 2, digit


def test_a_network_that_does_not_come_is_reported(visit):
    one = visit()
    page = one.open("denoise.html")
    page.route("**/strong.onnx", lambda route: route.fulfill(status=404))
    page.locator("input[value=strong]").check()
    page.locator("#verdict", has_text="Something went wrong").wait_for()
    page.unroute("**/strong.onnx")
    one.errors.clear()  # the 404 that was meant
    page.locator("input[value=tiny]").check()
    assert after(page, page.locator("input[value=strong]").check)["denoiser"] == "strong"  # a second try works


# --- for everybody

# A lesson has thousands of coloured words of code, and axe takes milliseconds for each: of every colour one is enough
ONE_OF_EACH_COLOUR = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll("pre span:not(:has(*))")) {
    const kind = word.className + getComputedStyle(word).color + getComputedStyle(word.closest("pre")).backgroundColor;
    if (seen.has(kind)) word.replaceWith(word.textContent);
    seen.add(kind);
  }
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(visit, dark):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    one, found = visit(dark=dark), []
    for name in PAGES:
        page = one.open(name)
        assert page.locator("html").get_attribute("data-theme") == ("dark" if dark else "light")
        page.evaluate(ONE_OF_EACH_COLOUR)
        options = {"resultTypes": ["violations"], "preload": False}
        for violation in axe.run(page, options=options).response["violations"]:
            found += [f"{name}: {violation['id']}: {node['html'][:200]}" for node in violation["nodes"]]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["index", "02a_noise", "denoise"])
def test_pictures_to_look_at(visit, screenshots, name):
    for mode, options in {"light": {}, "dark": {"dark": True}, "narrow": {"width": 400, "height": 860}}.items():
        page = visit(**options).open(f"{name}.html")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(300)  # colours change slowly
        page.screenshot(path=screenshots / f"site-{name}-{mode}.png")
    assert (screenshots / f"site-{name}-narrow.png").stat().st_size > 10_000
