using System.Globalization;

namespace ZImage.Diagnostics;

/// <summary>What a measurement draws: one size, one picture or several at once.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Images">Pictures in one batch.</param>
internal readonly record struct BenchSize(int Width, int Height, int Images)
{
    /// <summary>Reads <c>1024x1024</c>, or <c>1024x1024x4</c> for four pictures at once.</summary>
    public static bool TryParse(string text, out BenchSize size)
    {
        size = default;
        string[] parts = text.Split('x');
        int images = 1;
        if (parts.Length is not (2 or 3) || !Read(parts[0], 65536, out int width) || !Read(parts[1], 65536, out int height)
            || (parts.Length == 3 && !Read(parts[2], 64, out images)))
        {
            return false;
        }

        size = new BenchSize(width, height, images);
        return true;
    }

    /// <summary>As it is written.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Width}x{Height}") + (Images > 1 ? string.Create(CultureInfo.InvariantCulture, $"x{Images}") : "");

    private static bool Read(string text, int most, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value > 0 && value <= most;
}
