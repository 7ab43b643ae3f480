using System.Globalization;
using System.Text.RegularExpressions;

namespace ZImage.Weights;

/// <summary>
/// What model_index.json says of the sizes of the training's pictures: <c>trained_sizes</c>, the least and the largest width and height in pixels
/// (<c>[192, 512]</c>), and <c>only_sizes</c>, where a model has learnt certain sizes and none between them (<c>["256x256", "384x256"]</c>).
/// </summary>
internal sealed partial class TrainedSizes
{
    private const string RangeKey = "trained_sizes", ListKey = "only_sizes";
    private const int MaxSize = 65536, MaxCount = 1000;

    private readonly (int Least, int Largest)? range;
    private readonly IReadOnlyList<(int Width, int Height)> only;

    private TrainedSizes((int Least, int Largest)? range, IReadOnlyList<(int Width, int Height)> only)
    {
        this.range = range;
        this.only = only;
    }

    /// <summary>Reads both keys; each may be absent.</summary>
    /// <exception cref="ModelFormatException">A value is no range, or no list of sizes.</exception>
    public static TrainedSizes Read(ConfigReader section)
    {
        (int, int)? range = section.Int32List(RangeKey, [], 1, MaxSize, 2) switch
        {
            [] => null,
            [int least, int largest] when least <= largest => (least, largest),
            _ => throw section.Error(RangeKey, "is not the least and the largest size, such as [192, 512]"),
        };
        return new TrainedSizes(range, [.. (section.OptionalStringList(ListKey, MaxCount) ?? []).Select(size => Parse(size, section))]);
    }

    /// <summary>What to say of a picture's size that the training had none of; null where there is nothing to say.</summary>
    public string? WarningOf(string model, int width, int height)
    {
        if (range is var (least, largest) && (Math.Min(width, height) < least || Math.Max(width, height) > largest))
        {
            return Text($"{model} was trained on pictures of {least} to {largest} pixels a side; at {width}x{height} it draws little of what the prompt says");
        }

        if (only.Count == 0 || only.Contains((width, height)))
        {
            return null;
        }

        (int Width, int Height) nearest = only.MinBy(size => Math.Abs(Math.Log((double)size.Width / width)) + Math.Abs(Math.Log((double)size.Height / height)));
        return Text($"{model} was trained on {only.Count} sizes, and {width}x{height} is none of them: it puts things in wrong places there; the nearest it knows is {nearest.Width}x{nearest.Height}");
    }

    private static (int Width, int Height) Parse(string size, ConfigReader section) =>
        Size().Match(size) is { Success: true } match && Side(match, 1) is var width && Side(match, 2) is var height && IsSide(width) && IsSide(height)
            ? (width, height)
            : throw section.Error(ListKey, $"has '{SafetensorsHeader.Show(size)}'; expected are sizes such as \"256x256\"");

    private static int Side(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    private static bool IsSide(int side) => side is >= 1 and <= MaxSize;

    private static string Text(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex("^([0-9]{1,5})x([0-9]{1,5})$", RegexOptions.CultureInvariant)]
    private static partial Regex Size();
}
