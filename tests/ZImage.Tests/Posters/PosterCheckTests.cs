using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Posters;
using ZImage.Posters.Rendering;
using ZImage.Posters.Scenes;
using Attribute = ZImage.Posters.Attribute;

namespace ZImage.Tests.Posters;

/// <summary>The checker finds nothing wrong with true pictures, and in false ones exactly what is false.</summary>
public sealed class PosterCheckTests
{
    private static readonly string[] Shapes = [PosterCases.Shape("star", "red", 0.22, 0.3, 0.15), PosterCases.Shape("circle", "blue", 0.75, 0.4, 0.15)];

    private static readonly Scene Poster = PosterCases.Make("\"kind\":\"plain\",\"colors\":[\"yellow\"],\"direction\":null", Shapes, PosterCases.Text("AB大1", "black", 0.85));

    [Test]
    public void Pictures_of_the_trainings_renderer_are_right_in_everything_with_jitter_and_without()
    {
        using (Assert.EnterMultipleScope())
        {
            for (int i = 0; i < PosterCases.Scenes.Count; i++)
            {
                Verdict verdict = PosterCheck.Judge(PosterCases.Scenes[i], PosterCases.Picture(i));
                Assert.That(verdict.Findings, Is.Not.Empty);
                Assert.That(Wrong(verdict), Is.Empty, Report.Line(i + 1, verdict));
                Assert.That(verdict.Unasked, Is.Empty, Report.Line(i + 1, verdict));
            }
        }
    }

    [Test]
    public void Every_kind_is_told_from_every_other()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (ShapeKind drawn in ShapeGeometry.All)
            {
                Scene truth = Poster with { Text = null, Shapes = [Poster.Shapes[0] with { Kind = drawn, X = 0.5, Y = 0.5 }] };
                ImageBuffer picture = PosterRenderer.Render(truth);
                foreach (ShapeKind stated in ShapeGeometry.All)
                {
                    // The centroid of a crescent lies elsewhere in its outline, so the place is not asked here.
                    Scene scene = truth with { Shapes = [truth.Shapes[0] with { Kind = stated, Stated = Stated.Kind | Stated.Color }] };
                    string[] expected = drawn == stated ? [] : ["Shape of shape 1"];
                    Assert.That(Wrong(PosterCheck.Judge(scene, picture)), Is.EqualTo(expected), $"{drawn} for {stated}");
                }
            }
        }
    }

    [Test]
    public void Every_colour_is_told_from_every_other()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (PosterColor drawn in Enum.GetValues<PosterColor>().Where(color => color != PosterColor.Yellow))
            {
                Scene truth = Poster with { Text = null, Shapes = [Poster.Shapes[0] with { Color = drawn }] };
                ImageBuffer picture = PosterRenderer.Render(truth);
                foreach (PosterColor stated in Enum.GetValues<PosterColor>())
                {
                    Scene scene = truth with { Shapes = [truth.Shapes[0] with { Color = stated }] };
                    string[] expected = drawn == stated ? [] : ["Color of shape 1"];
                    Assert.That(Wrong(PosterCheck.Judge(scene, picture)), Is.EqualTo(expected), $"{drawn} for {stated}");
                }
            }
        }
    }

    [Test]
    public void A_wrong_shape_colour_place_or_size_is_the_only_thing_wrong()
    {
        ShapeSpec star = Poster.Shapes[0];
        Expect(Replace(star with { Kind = ShapeKind.Square }), "Shape of shape 1");
        Expect(Replace(star with { Color = PosterColor.Green }), "Color of shape 1");
        Expect(Replace(star with { X = 0.45 }), "Place of shape 1");
        Expect(Replace(star with { Radius = 0.22 }), "Size of shape 1");
        Expect(Poster with { Shapes = [Poster.Shapes[1]] }, "Shape of shape 1", "Color of shape 1", "Place of shape 1", "Size of shape 1");

        static Scene Replace(ShapeSpec shape) => Poster with { Shapes = [shape, Poster.Shapes[1]] };
    }

    [Test]
    public void Exchanged_colours_are_two_wrong_colours()
    {
        ShapeSpec[] exchanged = [Poster.Shapes[0] with { Color = PosterColor.Blue }, Poster.Shapes[1] with { Color = PosterColor.Red }];
        Expect(Poster with { Shapes = exchanged }, "Color of shape 1", "Color of shape 2");
    }

    [Test]
    public void Moving_by_more_than_the_tolerance_is_wrong_and_by_less_is_right()
    {
        ShapeSpec circle = Poster.Shapes[1];
        Expect(Poster with { Shapes = [Poster.Shapes[0], circle with { X = circle.X - 0.07 }] });
        Expect(Poster with { Shapes = [Poster.Shapes[0], circle with { X = circle.X - 0.09 }] }, "Place of shape 2");
        Expect(Poster with { Shapes = [Poster.Shapes[0], circle with { Y = circle.Y + 0.09 }] }, "Place of shape 2");
    }

    [TestCase("AB大2", "Character 1")]
    [TestCase("A8大1", "Character B")]
    [TestCase("AB天1", "Character 大")]
    [TestCase("BA大1", "Character A", "Character B")]
    public void A_wrong_letter_is_the_only_thing_wrong(string drawn, params string[] wrong)
    {
        string[] characters = [.. drawn.EnumerateRunes().Select(rune => rune.ToString())];
        Verdict verdict = PosterCheck.Judge(Poster, PosterRenderer.Render(Poster with { Text = Poster.Text! with { Characters = characters } }));
        Assert.That(verdict.Findings.Where(finding => !finding.IsRight).Select(finding => $"{finding.Attribute} {finding.Expected}"), Is.EqualTo(wrong));
    }

    [Test]
    public void Every_character_is_read_as_itself()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (string character in GlyphAtlas.Shared.Characters)
            {
                // As small as the smallest line makes it.
                Scene scene = Poster with { Shapes = [], Text = Poster.Text! with { Characters = [character, "口"], Height = 0.115 } };
                Assert.That(Wrong(PosterCheck.Judge(scene, PosterRenderer.Render(scene))), Is.Empty, character);
            }
        }
    }

    [Test]
    public void A_wrong_colour_or_place_of_the_text_is_the_only_thing_wrong()
    {
        Expect(Poster with { Text = Poster.Text! with { Color = PosterColor.Purple } }, "Color of text");
        Expect(Poster with { Shapes = [], Text = Poster.Text! with { Y = 0.13 } }, "Place of text", ["Shape", "Color", "Place", "Size"]);
        Expect(Poster with { Text = null }, "Character of text", "Character of text", "Character of text", "Character of text", "Color of text", "Place of text");
    }

    [Test]
    public void A_wrong_background_is_told_by_layout_and_by_colour()
    {
        Scene gradient = PosterCases.Make("\"kind\":\"gradient\",\"colors\":[\"yellow\",\"white\"],\"direction\":\"vertical\"", Shapes);
        Scene stripes = PosterCases.Make("\"kind\":\"stripes\",\"colors\":[\"yellow\",\"white\"],\"direction\":\"diagonal\"", Shapes);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(WrongOf(Poster, Poster with { Background = Poster.Background with { Colors = [PosterColor.Pink] } }), Is.EqualTo(new[] { "Color of background" }));
            Assert.That(WrongOf(gradient, gradient), Is.Empty);
            Assert.That(WrongOf(stripes, stripes), Is.Empty);
            Assert.That(WrongOf(gradient, stripes), Is.EqualTo(new[] { "Background of background" }));
            Assert.That(WrongOf(stripes, gradient), Is.EqualTo(new[] { "Background of background" }));
            Assert.That(WrongOf(gradient, Turned(gradient, Direction.Horizontal)), Is.EqualTo(new[] { "Background of background" }));
            Assert.That(WrongOf(stripes, Turned(stripes, Direction.Vertical)), Is.EqualTo(new[] { "Background of background" }));
            Assert.That(WrongOf(gradient, Exchanged(gradient)), Is.EqualTo(new[] { "Color of background", "Color of background" }), "a gradient has a first colour");
            Assert.That(WrongOf(stripes, Exchanged(stripes)), Is.Empty, "stripes have none");
        }

        static Scene Turned(Scene scene, Direction direction) => scene with { Background = scene.Background with { Direction = direction } };

        static Scene Exchanged(Scene scene) => scene with { Background = scene.Background with { Colors = [.. scene.Background.Colors.Reverse()] } };

        static string[] WrongOf(Scene stated, Scene drawn) => Wrong(PosterCheck.Judge(stated, PosterRenderer.Render(drawn with { Text = stated.Text })));
    }

    [TestCase("ring", "star", "blue")]
    [TestCase("square", "ring", "blue")]
    [TestCase("circle", "heart", "yellow")]
    public void A_shape_inside_another_is_read_and_so_is_its_container(string outer, string inner, string color)
    {
        Scene scene = PosterCases.Make(
            "\"kind\":\"plain\",\"colors\":[\"yellow\"],\"direction\":null",
            [PosterCases.Shape(outer, "red", 0.5, 0.5, 0.22), PosterCases.Shape(inner, color, 0.5, 0.5, 0.1, inside: 0)]);
        Assert.That(Wrong(PosterCheck.Judge(scene, PosterRenderer.Render(scene))), Is.Empty);
        Scene without = scene with { Shapes = [scene.Shapes[0]] };
        Assert.That(Wrong(PosterCheck.Judge(scene, PosterRenderer.Render(without))), Does.Contain("Shape of shape 2").And.Not.Contain("Shape of shape 1"));
    }

    [Test]
    public void What_is_not_stated_is_not_judged_and_a_shape_without_a_place_is_found_anywhere()
    {
        ShapeSpec star = Poster.Shapes[0] with { Stated = Stated.Kind | Stated.Color };
        Scene scene = Poster with { Shapes = [star], Text = null, Background = Poster.Background with { Stated = false } };
        Scene drawn = scene with { Shapes = [star with { X = 0.78, Y = 0.78, Radius = 0.1 }], Background = Poster.Background with { Colors = [PosterColor.Cyan] } };
        Verdict verdict = PosterCheck.Judge(scene, PosterRenderer.Render(drawn));
        Assert.That(verdict.Findings.Select(finding => (finding.Attribute, finding.IsRight)), Is.EqualTo(new[] { (Attribute.Shape, true), (Attribute.Color, true) }));
    }

    [Test]
    public void What_comes_twice_is_unasked_and_what_came_instead_is_not()
    {
        ShapeSpec second = Poster.Shapes[0] with { X = 0.78, Y = 0.15, Radius = 0.1 };
        ShapeSpec elsewhere = Poster.Shapes[1] with { X = 0.3, Y = 0.65, Kind = ShapeKind.Diamond, Color = PosterColor.Green };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(UnaskedIn(Poster), Is.Empty);
            Assert.That(UnaskedIn(Poster with { Shapes = [.. Poster.Shapes, second] }), Is.EqualTo(new[] { "red region at 0.78,0.15" }));
            Assert.That(UnaskedIn(Poster with { Shapes = [Poster.Shapes[0]] }), Is.Empty, "missing is another fault");
            Assert.That(UnaskedIn(Poster with { Shapes = [Poster.Shapes[0], elsewhere] }), Is.Empty, "drawn instead of the circle");
            Assert.That(UnaskedIn(Poster with { Text = null }), Is.Null, "without the text nobody can tell what belongs to it");
        }

        static IReadOnlyList<string>? UnaskedIn(Scene drawn) => PosterCheck.Judge(Poster, PosterRenderer.Render(drawn)).Unasked;
    }

    [Test]
    public void On_a_blank_picture_only_the_background_is_right()
    {
        Verdict verdict = PosterCheck.Judge(Poster, PosterRenderer.Render(Poster with { Shapes = [], Text = null }));
        Assert.That(verdict.Findings.Where(finding => finding.IsRight).Select(finding => finding.Subject), Is.All.EqualTo("background"));
        Assert.That(verdict.Findings.Count(finding => finding.IsRight), Is.EqualTo(2));
    }

    [Test]
    public void In_noise_nothing_is_right()
    {
        byte[] noise = new byte[256 * 256 * 3];
        new Random(1).NextBytes(noise);
        Verdict verdict = PosterCheck.Judge(Poster, new ImageBuffer(256, 256, noise));
        Assert.That(verdict.Findings.Where(finding => finding.IsRight), Is.Empty);
    }

    [Test]
    public void A_picture_of_another_size_is_refused()
    {
        ImageBuffer small = new(64, 64, new byte[64 * 64 * 3]);
        Assert.That(() => PosterCheck.Judge(Poster, small), Throws.TypeOf<PosterException>().With.Message.Contains("64x64").And.Message.Contains("256x256"));
    }

    private static string[] Wrong(Verdict verdict) => [.. verdict.Findings.Where(finding => !finding.IsRight).Select(finding => $"{finding.Attribute} of {finding.Subject}")];

    private static void Expect(Scene drawn, params string[] wrong) =>
        Assert.That(Wrong(PosterCheck.Judge(Poster, PosterRenderer.Render(drawn))), Is.EqualTo(wrong));

    private static void Expect(Scene drawn, string wrong, string[] alsoMissing)
    {
        string[] faults = Wrong(PosterCheck.Judge(Poster, PosterRenderer.Render(drawn)));
        string[] missing = [.. alsoMissing.SelectMany(attribute => new[] { $"{attribute} of shape 1", $"{attribute} of shape 2" })];
        Assert.That(faults, Is.EquivalentTo(missing.Append(wrong)));
    }
}
