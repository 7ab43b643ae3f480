using NUnit.Framework;
using ZImage.Posters;
using ZImage.Posters.Scenes;

namespace ZImage.Tests.Posters;

/// <summary>Scenes come from a file: what is none is refused with its line.</summary>
public sealed class SceneReaderTests
{
    private const string Line =
        """{"caption":"红星","language":"zh","width":320,"height":192,"background":{"kind":"stripes","colors":["red","white"],"direction":"diagonal","stated":false},"shapes":[{"kind":"ring","color":"gray","x":0.22,"y":0.5,"r":0.1,"stated":["kind","place"],"inside":null},{"kind":"star","color":"blue","x":0.22,"y":0.5,"r":0.1,"stated":[],"inside":0}],"text":{"string":"大A","color":"black","x":0.5,"y":0.87,"height":0.17,"stated":["string"]}}""";

    [Test]
    public void Every_field_is_read()
    {
        Scene scene = SceneReader.Parse(Line, "x");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((scene.Caption, scene.Language, scene.Width, scene.Height, scene.Unit), Is.EqualTo(("红星", "zh", 320, 192, 192)));
            Assert.That((scene.Background.Kind, scene.Background.Direction, scene.Background.Stated), Is.EqualTo((BackgroundKind.Stripes, Direction.Diagonal, false)));
            Assert.That(scene.Background.Colors, Is.EqualTo(new[] { PosterColor.Red, PosterColor.White }));
            Assert.That(scene.Shapes[0], Is.EqualTo(new ShapeSpec(ShapeKind.Ring, PosterColor.Gray, 0.22, 0.5, 0.1, Stated.Kind | Stated.Place, null)));
            Assert.That((scene.Shapes[1].Stated, scene.Shapes[1].Inside), Is.EqualTo((Stated.None, (int?)0)));
            Assert.That(scene.Text!.Characters, Is.EqualTo(new[] { "大", "A" }));
            Assert.That((scene.Text.Color, scene.Text.Y, scene.Text.Height, scene.Text.Stated), Is.EqualTo((PosterColor.Black, 0.87, 0.17, Stated.Text)));
        }
    }

    [TestCase("\"ring\"", "\"blob\"", "blob")]
    [TestCase("\"ring\"", "\"3\"", "3")]
    [TestCase("\"gray\"", "\"beige\"", "beige")]
    [TestCase("\"diagonal\"", "null", "direction")]
    [TestCase("[\"red\",\"white\"]", "[\"red\"]", "1 colours")]
    [TestCase("[\"string\"]", "[\"loud\"]", "loud")]
    [TestCase("\"width\":320,", "", "not a scene")]
    [TestCase("{\"caption\"", "{", "not a scene")]
    public void What_is_no_scene_is_refused_with_its_place(string from, string to, string reason) =>
        Assert.That(
            () => SceneReader.Parse(Line.Replace(from, to, StringComparison.Ordinal), "file:7"),
            Throws.TypeOf<PosterException>().With.Message.StartsWith("file:7: ").And.Message.Contains(reason));

    [Test]
    public void A_file_that_is_not_there_is_an_error_of_its_own() =>
        Assert.That(() => SceneReader.ReadFile("/nowhere/scenes.jsonl"), Throws.TypeOf<PosterException>().With.Message.Contains("/nowhere/scenes.jsonl"));
}
