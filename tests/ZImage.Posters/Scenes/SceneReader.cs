using System.Globalization;
using System.Text.Json;

namespace ZImage.Posters.Scenes;

/// <summary>Reads scenes, one JSON object a line, as training/poster writes them.</summary>
internal static class SceneReader
{
    /// <summary>The scenes of a file, in order; empty lines are skipped.</summary>
    /// <exception cref="PosterException">A line is no scene.</exception>
    public static IReadOnlyList<Scene> ReadFile(string path)
    {
        List<Scene> scenes = [];
        int number = 0;
        foreach (string line in ReadLines(path))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                scenes.Add(Parse(line, string.Create(CultureInfo.InvariantCulture, $"{path}:{number}")));
            }
        }

        return scenes;
    }

    /// <summary>One scene.</summary>
    /// <param name="json">The object.</param>
    /// <param name="where">File and line, for errors.</param>
    /// <exception cref="PosterException">Not a scene.</exception>
    public static Scene Parse(string json, string where)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return Read(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new PosterException($"{where}: not a scene: {exception.Message}", "Scenes are written by training/poster, one JSON object a line.", exception);
        }
    }

    private static IEnumerable<string> ReadLines(string path)
    {
        try
        {
            return File.ReadLines(path);
        }
        catch (IOException exception)
        {
            throw new PosterException($"{path}: the scenes cannot be read: {exception.Message}", "Name a .jsonl file with --scenes.", exception);
        }
    }

    private static Scene Read(JsonElement root) => new()
    {
        Caption = root.GetProperty("caption").GetString()!,
        Language = root.GetProperty("language").GetString()!,
        Width = root.GetProperty("width").GetInt32(),
        Height = root.GetProperty("height").GetInt32(),
        Background = ReadBackground(root.GetProperty("background")),
        Shapes = [.. root.GetProperty("shapes").EnumerateArray().Select(ReadShape)],
        Text = root.TryGetProperty("text", out JsonElement text) && text.ValueKind == JsonValueKind.Object ? ReadText(text) : null,
    };

    private static Background ReadBackground(JsonElement item)
    {
        BackgroundKind kind = Name<BackgroundKind>(item.GetProperty("kind"));
        PosterColor[] colors = [.. item.GetProperty("colors").EnumerateArray().Select(Palette.Parse)];
        int expected = kind == BackgroundKind.Plain ? 1 : 2;
        if (colors.Length != expected)
        {
            throw new FormatException($"a background of kind {kind} has {colors.Length} colours, not {expected}");
        }

        Direction direction = item.TryGetProperty("direction", out JsonElement name) && name.ValueKind == JsonValueKind.String ? Name<Direction>(name) : Direction.None;
        if ((direction == Direction.None) != (kind == BackgroundKind.Plain) || (direction == Direction.Diagonal && kind != BackgroundKind.Stripes))
        {
            throw new FormatException($"a background of kind {kind} cannot have the direction {direction}");
        }

        return new Background(kind, colors, direction, item.GetProperty("stated").GetBoolean());
    }

    private static ShapeSpec ReadShape(JsonElement item) => new(
        Name<ShapeKind>(item.GetProperty("kind")),
        Palette.Parse(item.GetProperty("color")),
        item.GetProperty("x").GetDouble(),
        item.GetProperty("y").GetDouble(),
        item.GetProperty("r").GetDouble(),
        ReadStated(item.GetProperty("stated")),
        item.TryGetProperty("inside", out JsonElement inside) && inside.ValueKind == JsonValueKind.Number ? inside.GetInt32() : null);

    private static TextSpec ReadText(JsonElement item) => new(
        [.. item.GetProperty("string").GetString()!.EnumerateRunes().Select(rune => rune.ToString())],
        Palette.Parse(item.GetProperty("color")),
        item.GetProperty("x").GetDouble(),
        item.GetProperty("y").GetDouble(),
        item.GetProperty("height").GetDouble(),
        ReadStated(item.GetProperty("stated")));

    private static Stated ReadStated(JsonElement list)
    {
        Stated stated = Stated.None;
        foreach (JsonElement item in list.EnumerateArray())
        {
            stated |= item.GetString() switch
            {
                "kind" => Stated.Kind,
                "color" => Stated.Color,
                "place" => Stated.Place,
                "size" => Stated.Size,
                "string" => Stated.Text,
                string other => throw new FormatException($"'{other}' is nothing that a caption states"),
                null => throw new FormatException("null is nothing that a caption states"),
            };
        }

        return stated;
    }

    private static T Name<T>(JsonElement item)
        where T : struct, Enum =>
        item.GetString() is { } text && text.Length > 0 && char.IsAsciiLetterLower(text[0]) && Enum.TryParse(text, ignoreCase: true, out T value)
            ? value
            : throw new FormatException($"'{item}' is no {typeof(T).Name}");
}
