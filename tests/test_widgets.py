"""Things to play with: they show still pictures everywhere, move where widgets run, and say what is wrong."""

import base64
import io
import re
import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import denoise_utils as du
from denoise_utils.noise import KINDS
from denoise_utils.widgets import drawing, photos, rendering, watch
from denoise_utils.widgets import panel as panels

NOISE = du.GaussianNoise(0.5)


def bundle(panel):
    return panel._repr_mimebundle_()


def page(panel):
    return panel.box.children[-1].value


def still(panel):
    return Image.open(io.BytesIO(base64.b64decode(bundle(panel)["image/png"])))


@pytest.fixture
def images(digits):
    return digits.test.images[:6]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return du.TinyDenoiser().eval()


@pytest.fixture
def every_panel(images, model, digits):
    reader = du.train_reader(digits.train.images[:100], digits.train.labels[:100], epochs=1)
    tutorial, strong = du.ConvDenoiser(), du.StrongDenoiser()
    return lambda: {
        "noise": du.explore_noise(images),
        "noise, denoised": du.explore_noise(images, {"median": du.median_filter(3)}),
        "denoisers": du.explore_denoisers({"tiny": model}, images),
        "draw": du.draw_a_digit({"tiny": model}, images, reader),
        "network": du.explore_network(model, images[:1]),
        "tutorial's network": du.explore_network(tutorial, images[:1]),
        "strong network": du.explore_network(strong, images[:1]),
        "walk": du.walk_bottleneck(tutorial, images),
        "text": du.play(lambda a, b, c: f"{a} {b} {c}", a=(0, 380, 20), b=["x", "y"], c=(4, 64, 4)),
    }


# ---- with and without widgets ----


def test_every_panel_has_a_still_picture_and_moves(every_panel):
    for name, panel in every_panel().items():
        content = bundle(panel)
        assert content[panels.VIEW]["model_id"] == panel.box.model_id
        assert name == "text" or np.asarray(still(panel).convert("L")).std() > 10, name
        for control in panel.controls.values():
            before, start = page(panel), control.value
            if hasattr(control, "options"):
                control.value = control.options[-1] if control.value != control.options[-1] else control.options[0]
            elif hasattr(control, "max"):
                control.value = control.max if control.value != control.max else control.min
            else:
                continue
            assert page(panel) != before and "alert" not in page(panel), (name, control.description)
            control.value = start


def test_the_same_still_pictures_without_ipywidgets(every_panel, monkeypatch):
    with_widgets = {name: bundle(panel) for name, panel in every_panel().items()}
    monkeypatch.setattr(panels, "ipywidgets", None)
    for name, panel in every_panel().items():
        assert panel.box is None and panels.VIEW not in bundle(panel)
        assert bundle(panel)["text/plain"] == with_widgets[name]["text/plain"]
        assert bundle(panel).get("image/png") == with_widgets[name].get("image/png"), name


def test_the_core_imports_neither_widgets_nor_matplotlib():
    program = """
import sys
for name in ("ipywidgets", "anywidget", "matplotlib", "IPython"):
    sys.modules[name] = None  # importing it fails
import denoise_utils as du
digits = du.load_digits("mnist5k")
model = du.TinyDenoiser()
du.fit(model, digits.train.images, du.GaussianNoise(0.5), steps=2, device="cpu", progress=False)
print(du.evaluate(model, digits.test.images[:10], du.GaussianNoise(0.5)).images)
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "10\n"


def test_no_drawing_pad_without_anywidget(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    panel = du.draw_a_digit({}, images)
    assert list(panel.controls) == ["photo", "sigma", "seed"] and "alert" not in page(panel)


# ---- what they show ----


def test_figures_are_those_of_the_package(images):
    panel = du.explore_noise(images)
    panel.controls["digit"].value, panel.controls["strength"].value, panel.controls["seed"].value = 2, 0.3, 7
    clean = du.to_float(images[2:3])
    noisy = du.GaussianNoise(0.3, clip=True)(clean, torch.Generator().manual_seed(7))
    assert f"MSE {du.mse(noisy, clean).item():.4f}" in page(panel)
    assert f"PSNR {du.psnr(noisy, clean).item():.1f}" in page(panel)
    assert "GaussianNoise(sigma=0.3, clip=True)" in page(panel)


@pytest.mark.parametrize("strength", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_every_strength(images, kind, strength):
    assert KINDS[kind](strength)(du.to_float(images)).shape == images.shape


def test_pixels_arrive_unchanged():
    image = torch.arange(784).view(1, 1, 28, 28) / 783
    address = rendering.data_address(rendering.pixels(image))
    back = np.array(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))
    assert np.abs(back / 255 - image[0, 0].numpy()).max() <= 0.5 / 255 + 1e-6


def test_images_lie_side_by_side():
    images = torch.stack([torch.full((1, 4, 4), i / 10) for i in range(5)])
    pixels = rendering.pixels(images, columns=3)
    assert pixels.shape == (9, 14, 1)
    assert [pixels[0, 0, 0], pixels[0, 5, 0], pixels[5, 0, 0]] == [0, 26, 76]
    assert pixels[8, 13, 0] == 128  # no sixth image


@pytest.mark.parametrize(("count", "width"), [(1, 168), (2, 114), (5, 288), (10, 578), (20, 578)])
def test_digits_in_a_row_are_drawn_twice_as_large(count, width):
    """Also ten of them, as wide as a row gets; one alone is drawn six times as large."""
    assert f"width:{width}px" in rendering.as_html({"digits": torch.rand(count, 1, 28, 28)})


def test_errors_have_a_sign():
    too_bright, too_dark, right = (rendering.signed(torch.full((1, 1, 2, 2), v))[0, :, 0, 0] for v in (0.8, -0.8, 0.0))
    assert too_bright[0] > too_bright[2] and too_dark[2] > too_dark[0]  # orange is red, violet is blue
    assert right.min() > 0.95  # white


def test_receptive_fields_of_layers(images):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Conv2d(2, 1, 3, padding=1))
    panel = du.explore_network(network, images[:1])
    panel.controls["layer"].value = panel.controls["layer"].options[0]
    assert "9 of 784 pixels" in page(panel) and "20 parameters" in page(panel)
    panel.controls["layer"].value = panel.controls["layer"].options[1]
    assert "25 of 784 pixels" in page(panel)


def test_a_layer_that_is_used_again_sees_more(images):
    panel = du.explore_network(du.ConvDenoiser(), images[:1])
    seen = []
    for layer in panel.controls["layer"].options:
        if "pool" in layer:
            seen.append(int(re.search(r"see: (\d+) of", " ".join(panel.draw(layer)))[1]))
    assert len(seen) == 3 and seen == sorted(seen) and seen[0] < seen[1] < seen[2]


def test_a_walk_begins_and_ends_at_the_codes(images):
    torch.manual_seed(0)
    model = du.ConvDenoiser()
    panel = du.walk_bottleneck(model, images)
    clean = du.to_float(images)
    for share, index in ((0.0, 3), (1.0, 5)):
        here = panel.draw(3, 5, share)
        assert torch.allclose(here[f"mixed code, {share:.0%}"], model(clean[[index]]), atol=1e-6)
        assert torch.allclose(here[f"mixed pixels, {share:.0%}"], clean[[index]], atol=1e-6)


def test_an_error_while_playing_is_shown(images):
    panel = du.play(lambda n: {"x": du.to_float(images[:n])[:1]} if n else 1 / 0, n=(0, 4))
    panel.controls["n"].value = 0
    assert 'role="alert"' in page(panel) and "ZeroDivisionError" in page(panel)
    panel.controls["n"].value = 3
    assert "alert" not in page(panel)


def test_captions_are_text_not_markup(images):
    panel = du.play(lambda n: {"<script>": du.to_float(images[:1])}, n=(0, 4))
    assert "<script>" not in page(panel) and "&lt;script&gt;" in page(panel)


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (lambda images: du.play(lambda n: "x", n=object()), "should be (low, high)"),
        (lambda images: du.explore_noise(images[0]), "should be [N, 1, H, W]"),
        (lambda images: du.explore_noise(images.float()), "should be in [0, 1]"),
        (lambda images: du.explore_denoisers({"half": lambda x: x[:, :, ::2]}, images), "should return [1, 1, 28, 28]"),
        (lambda images: du.draw_a_digit({}, images[:0]), "N at least 1"),
        (lambda images: du.walk_bottleneck(du.ConvDenoiser(), images[:1]), "at least two"),
        (lambda images: du.walk_bottleneck(du.TinyDenoiser(), images), "has no encode"),
        (lambda images: du.play(lambda n: None, n=(0, 4)), "Is there a return"),
        (lambda images: du.play(lambda n: du.to_float(images), n=(0, 4)), "dictionary of captions"),
        (lambda images: du.play(lambda n: {"x": du.to_float(images)[0]}, n=(0, 4)), "dimension for the batch"),
    ],
)
def test_wrong_input(images, attempt, says):
    with pytest.raises((ValueError, TypeError), match=re.escape(says)):
        attempt(images)


# ---- live training ----


class Shaky(torch.nn.Module):
    """With dropout: looking at it in eval mode must not change how it trains."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Dropout(0.5), torch.nn.Conv2d(4, 1, 1)
        )

    def forward(self, x):
        return self.layers(x)


def test_watching_changes_nothing(digits, monkeypatch):
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.0)  # after every step
    looks = []
    monkeypatch.setattr(watch, "curve", lambda losses: looks.append(len(losses)) or "")
    weights = []
    for train in (du.watch_training, du.fit):
        torch.manual_seed(0)
        model = Shaky()
        torch.manual_seed(1)
        history = train(model, digits.train.images[:40], NOISE, steps=5, device="cpu", batch_size=8, progress=False)
        weights.append([history.loss, *(p.detach() for p in model.parameters())])
        assert not model.training
    assert looks == [1, 2, 3, 4, 5]
    assert weights[0][0] == weights[1][0] and all(map(torch.equal, weights[0][1:], weights[1][1:]))


def test_a_training_that_fails_leaves_a_picture(digits, monkeypatch):
    shown = []
    monkeypatch.setattr(watch.DisplayHandle, "update", lambda handle, panel: shown.append(bundle(panel)))
    with pytest.raises(FloatingPointError):
        du.watch_training(
            du.TinyDenoiser(), digits.train.images[:40], NOISE, steps=8, lr=1e6, optimizer="adamw", device="cpu"
        )
    assert "image/png" in shown[0] and panels.VIEW not in shown[0]


def test_stopping_a_watched_training(digits, capsys):
    class StopAt:
        left = 4

        def __call__(self, clean, generator=None):
            self.left -= len(clean) == 8  # the samples come first, as one batch of other size
            if self.left == 0:
                raise KeyboardInterrupt
            return NOISE(clean, generator)

    history = du.watch_training(
        du.TinyDenoiser(), digits.train.images[:40], StopAt(), steps=50, batch_size=8, device="cpu",
        val_images=digits.val.images[:5],
    )  # fmt: skip
    assert history.interrupted and history.steps == 3 and len(history.loss) == 1


@pytest.mark.parametrize(("losses", "pairs"), [([0.1, 0.2, float("nan")], 2), ([0.1], 1), ([0.3, 0.0], 1)])
def test_curve(losses, pairs):
    curve = rendering.curve([torch.tensor(loss) for loss in losses])
    points = re.search(r'points="([^"]*)"', curve)[1]
    assert len(points.split()) == pairs and "nan" not in points and f"now {losses[-1]:.4f}" in curve


def test_a_long_curve_is_thinned_and_ends_at_the_last_loss():
    curve = rendering.curve([torch.tensor(1.0)] * 2242 + [torch.tensor(0.001)])
    assert "now 0.0010" in curve and len(re.search(r'points="([^"]*)"', curve)[1].split()) < 800


# ---- your own digit ----


def test_mnist_digits_stay_where_they_are(digits):
    """They went through the same steps sixty years before: enlarged tenfold, they come back."""
    for clean in du.to_float(digits.test.images[:200]):
        ink = clean[0].repeat_interleave(10, 0).repeat_interleave(10, 1)
        assert du.mse(drawing.centre_digit(ink), clean[None]).item() < 0.001


def test_wherever_and_however_large_it_is_drawn():
    small, large = torch.zeros(280, 280), torch.zeros(280, 280)
    small[20:60, 30:38] = 1
    large[40:240, 200:240] = 1
    one, other = drawing.centre_digit(small), drawing.centre_digit(large)
    assert du.mse(one, other).item() < 1e-4
    rows, columns = one[0, 0].nonzero().unbind(1)
    assert rows.max() - rows.min() == 19 and 12 <= columns.min() and columns.max() <= 15


def test_nothing_drawn():
    assert drawing.centre_digit(torch.zeros(280, 280)).abs().max() == 0


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1)])
def test_lines_and_dots(shape):
    digit = drawing.centre_digit(torch.ones(shape))
    assert digit.shape == (1, 1, 28, 28) and digit.max() == 1


@pytest.mark.parametrize("ink", [torch.zeros(3, 3, 3), torch.zeros(3, 3, dtype=torch.uint8), "drawing"])
def test_what_is_no_drawing(ink):
    with pytest.raises(TypeError, match="float tensor"):
        drawing.centre_digit(ink)
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        drawing.centre_digit(torch.full((5, 5), 255.0))


def photo_of_a_zero(dark_on_light=True, size=(300, 400), **options):
    """Light falls from one side, and the paper is not white."""
    light = np.linspace(150, 240, size[0])[None].repeat(size[1], 0)
    picture = Image.fromarray(light.astype(np.uint8))
    ImageDraw.Draw(picture).ellipse(
        (0.3 * size[0], 0.25 * size[1], 0.7 * size[0], 0.75 * size[1]), outline=30, width=size[0] // 12
    )
    if not dark_on_light:
        picture = Image.eval(picture, lambda v: 255 - v)
    file = io.BytesIO()
    picture.save(file, **({"format": "PNG"} | options))
    return file.getvalue()


@pytest.mark.parametrize(
    "photo",
    [
        photo_of_a_zero(),
        photo_of_a_zero(dark_on_light=False),
        photo_of_a_zero(format="JPEG", quality=30),
        photo_of_a_zero(size=(3000, 4000)),
    ],
)
def test_photos(photo):
    digit = drawing.centre_digit(photos.read_photo(photo))[0, 0]
    assert digit[4:25, 4:25].sum().isclose(digit.sum()) and digit.sum() > 50
    assert digit[12:16, 13:15].max() == 0, "a zero has a hole"
    assert digit[:, 14].max() > 0.7 and digit[13].max() > 0.7


def test_a_photo_lying_on_its_side():
    file = io.BytesIO()
    turned = Image.open(io.BytesIO(photo_of_a_zero())).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me by 90 degrees"
    turned.convert("RGB").save(file, format="JPEG", exif=exif)
    assert photos.read_photo(file.getvalue()).shape == (400, 300)


@pytest.mark.parametrize("data", [b"", b"no picture", photo_of_a_zero()[:500]])
def test_damaged_photos(data):
    with pytest.raises(ValueError, match="not a picture"):
        photos.read_photo(data)


def test_an_empty_sheet():
    file = io.BytesIO()
    Image.new("L", (100, 100), 200).save(file, format="PNG")
    with pytest.raises(ValueError, match="nothing is to be seen"):
        photos.read_photo(file.getvalue())


def test_drawing_and_photo_reach_the_picture(images):
    panel = du.draw_a_digit({}, images)
    pad = Image.new("L", (280, 280))
    ImageDraw.Draw(pad).line((140, 40, 140, 240), fill=255, width=24)
    file = io.BytesIO()
    pad.save(file, format="PNG")
    stand_in = page(panel)
    panel.controls["drawing"].value = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    drawn = page(panel)
    assert drawn != stand_in and "alert" not in drawn
    file = {"name": "0", "type": "", "size": 1, "content": photo_of_a_zero(), "last_modified": datetime.now()}
    photo = panel.controls["photo"]
    photo.set_trait("value", {"0": file} if photo.value == {} else (file,))  # in ipywidgets 7 only the page may set it
    assert panel.controls["drawing"].value == "" and page(panel) not in (drawn, stand_in)
