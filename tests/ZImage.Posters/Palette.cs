using System.Text.Json;

namespace ZImage.Posters;

/// <summary>The colours that captions name.</summary>
internal enum PosterColor
{
    Red,
    Orange,
    Yellow,
    Green,
    Cyan,
    Blue,
    Purple,
    Pink,
    Brown,
    Black,
    White,
    Gray,
}

/// <summary>A colour of a pixel, or a mean of them: sRGB, 0 to 255.</summary>
internal readonly record struct Rgb(float R, float G, float B)
{
    public static Rgb operator -(Rgb a, Rgb b) => new(a.R - b.R, a.G - b.G, a.B - b.B);

    public static Rgb operator +(Rgb a, Rgb b) => new(a.R + b.R, a.G + b.G, a.B + b.B);

    public static Rgb operator *(Rgb a, float f) => new(a.R * f, a.G * f, a.B * f);

    public float Dot(Rgb other) => (R * other.R) + (G * other.G) + (B * other.B);

    public float Distance(Rgb other) => MathF.Sqrt((this - other).Dot(this - other));

    /// <summary>The colour a share <paramref name="t"/> of the way to another.</summary>
    public Rgb Mix(Rgb other, float t) => this + ((other - this) * t);
}

/// <summary>The values of the named colours, the same as in training/poster.</summary>
internal static class Palette
{
    private static readonly Rgb[] s_values =
    [
        Hex(0xE53935), Hex(0xFB8C00), Hex(0xFDD835), Hex(0x43A047), Hex(0x26C6DA), Hex(0x1E56E0),
        Hex(0x8E24AA), Hex(0xF48FB1), Hex(0x795548), Hex(0x151515), Hex(0xFAFAFA), Hex(0x9E9E9E),
    ];

    /// <summary>How many colours there are.</summary>
    public static int Count => s_values.Length;

    /// <summary>The value of a colour.</summary>
    public static Rgb Value(PosterColor color) => s_values[(int)color];

    /// <summary>The colour nearest to a value.</summary>
    public static PosterColor Nearest(Rgb value)
    {
        int best = 0;
        float least = float.MaxValue;
        for (int i = 0; i < s_values.Length; i++)
        {
            Rgb difference = value - s_values[i];
            float distance = difference.Dot(difference);
            if (distance < least)
            {
                (least, best) = (distance, i);
            }
        }

        return (PosterColor)best;
    }

    /// <summary>The colour of a name in a scene.</summary>
    public static PosterColor Parse(JsonElement item) =>
        Enum.TryParse(item.GetString(), ignoreCase: true, out PosterColor color) && Enum.IsDefined(color)
            ? color
            : throw new FormatException($"'{item}' is no colour of the palette");

    private static Rgb Hex(int value) => new(value >> 16, (value >> 8) & 255, value & 255);
}
