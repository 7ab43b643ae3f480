using System.Globalization;
using ZImage.Imaging;
using ZImage.Posters.Reading;
using ZImage.Posters.Scenes;

namespace ZImage.Posters;

/// <summary>Reads a picture and judges what its caption states; what the caption leaves open is not judged.</summary>
internal static class PosterCheck
{
    /// <summary>How far a thing's centre may be from its nominal one, in widths and heights.</summary>
    public const double PlaceTolerance = 0.08;

    /// <summary>The least overlap with the best kind at which a region counts as a shape.</summary>
    public const double LeastOverlap = 0.6;

    private static readonly (string Name, double Radius)[] s_sizes = [("small", 0.10), ("medium", 0.15), ("large", 0.22)];

    /// <summary>Judges a picture.</summary>
    /// <exception cref="PosterException">It has another size than its scene.</exception>
    public static Verdict Judge(Scene scene, ImageBuffer image)
    {
        Picture picture = new(image);
        picture.RequireSizeOf(scene);
        BackgroundReading background = BackgroundReading.Of(picture);
        List<Finding> findings = [];
        TextReading? reading = scene.Text is { } text && text.Stated.HasFlag(Stated.Text) ? TextReading.Of(picture, background, text) : null;
        IReadOnlyList<PixelObject> regions = ObjectFinder.Find(picture, background, (x, y) => reading?.Covers(x, y) == true);
        ShapeMatch[] matches = ShapeMatch.All(scene, picture, regions);
        for (int i = 0; i < matches.Length; i++)
        {
            JudgeShape(findings, string.Create(CultureInfo.InvariantCulture, $"shape {i + 1}"), scene, scene.Shapes[i], matches[i]);
        }

        if (reading is not null)
        {
            JudgeText(findings, scene, scene.Text!, reading);
        }

        if (scene.Background.Stated)
        {
            JudgeBackground(findings, scene.Background, background);
        }

        bool tellsAll = scene.Shapes.All(shape => shape.Stated != Stated.None) && (scene.Text is null || reading is { IsFound: true });
        return new Verdict(scene, findings) { Unasked = tellsAll && background.Fits ? Unasked(picture, regions, matches) : null };
    }

    /// <summary>Regions that stand for nothing. One is let pass for each shape that was not found: it may be that shape.</summary>
    private static string[] Unasked(Picture picture, IReadOnlyList<PixelObject> regions, ShapeMatch[] matches) =>
    [
        .. regions.Where(region => !region.IsHole && matches.All(match => match.Region != region))
            .Skip(matches.Count(match => match.Region is null))
            .Select(region => $"{Name(region.Color)} region at {Point(region.X / picture.Width, region.Y / picture.Height)}"),
    ];

    private static void JudgeShape(List<Finding> findings, string subject, Scene scene, ShapeSpec shape, ShapeMatch match)
    {
        if (shape.Stated.HasFlag(Stated.Kind))
        {
            findings.Add(new Finding(Attribute.Shape, subject, Name(shape.Kind), match.Region is null ? null : match.Kind is { } kind ? Name(kind) : "no shape", match.Kind == shape.Kind));
        }

        if (shape.Stated.HasFlag(Stated.Color))
        {
            findings.Add(new Finding(Attribute.Color, subject, Name(shape.Color), match.Region is { } region ? Name(region.Color) : null, match.Region?.Color == shape.Color));
        }

        if (shape.Stated.HasFlag(Stated.Place))
        {
            findings.Add(new Finding(
                Attribute.Place, subject, Point(shape.X, shape.Y), match.Region is null ? null : Point(match.X, match.Y), match.Offset <= PlaceTolerance));
        }

        if (shape.Stated.HasFlag(Stated.Size))
        {
            string expected = SizeOf(shape.Radius);
            string? found = match.Region is null ? null : SizeOf(match.Radius / scene.Unit);
            findings.Add(new Finding(Attribute.Size, subject, expected, found, found == expected));
        }
    }

    private static void JudgeText(List<Finding> findings, Scene scene, TextSpec text, TextReading reading)
    {
        for (int i = 0; i < text.Characters.Count; i++)
        {
            findings.Add(new Finding(Attribute.Character, "text", text.Characters[i], reading.Characters[i], reading.Characters[i] == text.Characters[i]));
        }

        if (text.Stated.HasFlag(Stated.Color))
        {
            findings.Add(new Finding(Attribute.Color, "text", Name(text.Color), reading.IsFound ? Name(reading.Color) : null, reading.IsFound && reading.Color == text.Color));
        }

        if (text.Stated.HasFlag(Stated.Place))
        {
            (double x, double y) = (reading.Line.X / scene.Width, reading.Line.Y / scene.Height);
            bool isNear = ShapeMatch.Distance(x - text.X, y - text.Y) <= PlaceTolerance;
            findings.Add(new Finding(Attribute.Place, "text", Point(text.X, text.Y), reading.IsFound ? Point(x, y) : null, reading.IsFound && isNear));
        }
    }

    private static void JudgeBackground(List<Finding> findings, Background expected, BackgroundReading found)
    {
        bool sameKind = found.Fits && found.Kind == expected.Kind && found.Direction == expected.Direction;
        findings.Add(new Finding(
            Attribute.Background, "background", Layout(expected.Kind, expected.Direction), found.Fits ? Layout(found.Kind, found.Direction) : null, sameKind));
        PosterColor[] colors = found.Fits ? [.. found.Colors.Select(Palette.Nearest)] : [];
        for (int i = 0; i < expected.Colors.Count; i++)
        {
            // A gradient has a first colour; stripes have none, and in another layout only the colours themselves can agree.
            bool isRight = sameKind && expected.Kind == BackgroundKind.Gradient ? colors[i] == expected.Colors[i] : colors.Contains(expected.Colors[i]);
            findings.Add(new Finding(Attribute.Color, "background", Name(expected.Colors[i]), colors.Length == 0 ? null : string.Join(", ", colors.Select(Name)), isRight));
        }
    }

    private static string Layout(BackgroundKind kind, Direction direction) => direction == Direction.None ? Name(kind) : $"{Name(direction)} {Name(kind)}";

    private static string SizeOf(double radius) => s_sizes.MinBy(size => Math.Abs(Math.Log(size.Radius / Math.Max(radius, 1e-6)))).Name;

    private static string Name<T>(T value)
        where T : struct, Enum => Enum.GetName(value)!.ToLowerInvariant();

    private static string Point(double x, double y) => string.Create(CultureInfo.InvariantCulture, $"{x:F2},{y:F2}");
}
