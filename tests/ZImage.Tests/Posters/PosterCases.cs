using ZImage.Imaging;
using ZImage.Posters.Scenes;
using ZImage.Tests.Support;

namespace ZImage.Tests.Posters;

/// <summary>Scenes with pictures that the training's renderer drew (see make_cases.py), and scenes written by hand.</summary>
internal static class PosterCases
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "tests", "ZImage.Tests", "Posters", "cases");

    /// <summary>The scenes of the folder.</summary>
    public static IReadOnlyList<Scene> Scenes { get; } = SceneReader.ReadFile(Path.Combine(Folder, "scenes.jsonl"));

    /// <summary>The picture of a scene; every second one, from the first on, is drawn with jitter.</summary>
    public static ImageBuffer Picture(int index) => ImageReader.Read(Path.Combine(Folder, $"{index + 1:D4}.png"));

    /// <summary>A scene of JSON parts.</summary>
    /// <param name="background">A background's fields, such as <c>"kind":"plain","colors":["red"]</c>.</param>
    /// <param name="shapes">Shapes' fields.</param>
    /// <param name="text">The text's fields; null for none.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="height">Rows.</param>
    public static Scene Make(string background, string[] shapes, string? text = null, int width = 256, int height = 256) => SceneReader.Parse(
        $$"""
        {"caption":"a poster","language":"en","width":{{width}},"height":{{height}},"background":{"stated":true,{{background}}},
         "shapes":[{{string.Join(',', shapes.Select(shape => $"{{{shape}}}"))}}],"text":{{(text is null ? "null" : $"{{{text}}}")}}}
        """,
        "test");

    /// <summary>A shape's fields with everything stated.</summary>
    public static string Shape(string kind, string color, double x, double y, double r, int? inside = null) => FormattableString.Invariant(
        $"\"kind\":\"{kind}\",\"color\":\"{color}\",\"x\":{x},\"y\":{y},\"r\":{r},\"stated\":[\"kind\",\"color\",\"place\",\"size\"],\"inside\":{inside?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "null"}");

    /// <summary>A text's fields with everything stated, at the height that a line of this length has.</summary>
    public static string Text(string characters, string color, double y, double height = 0.15) => FormattableString.Invariant(
        $"\"string\":\"{characters}\",\"color\":\"{color}\",\"x\":0.5,\"y\":{y},\"height\":{height},\"stated\":[\"string\",\"color\",\"place\"]");
}
