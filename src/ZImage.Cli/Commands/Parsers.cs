using System.CommandLine.Parsing;
using System.Globalization;

namespace ZImage.Cli.Commands;

/// <summary>Numbers and lists on the command line: invariant culture, finite, within their range.</summary>
internal static class Parsers
{
    /// <summary>A whole number in minimum..maximum.</summary>
    public static Func<ArgumentResult, int?> Int(int minimum, int maximum) => result =>
    {
        string text = Text(result);
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum)
        {
            return value;
        }

        result.AddError($"{Name(result)}: '{text}' is not a whole number from {minimum} to {maximum}");
        return null;
    };

    /// <summary>A finite number in minimum..maximum.</summary>
    public static Func<ArgumentResult, double?> Number(double minimum, double maximum) => result =>
    {
        string text = Text(result);
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && value >= minimum && value <= maximum)
        {
            return value;
        }

        string range = maximum == double.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"of at least {minimum}")
            : string.Create(CultureInfo.InvariantCulture, $"from {minimum} to {maximum}");
        result.AddError($"{Name(result)}: '{text}' is not a number {range}");
        return null;
    };

    /// <summary>A seed: 0 to 2^64 - 1, decimal.</summary>
    public static ulong? Seed(ArgumentResult result)
    {
        string text = Text(result);
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
        {
            return value;
        }

        result.AddError($"{Name(result)}: '{text}' is not a whole number from 0 to {ulong.MaxValue}");
        return null;
    }

    /// <summary>Finite numbers with commas between them.</summary>
    public static IReadOnlyList<float>? Floats(ArgumentResult result)
    {
        string[] parts = Text(result).Split(',');
        float[] values = new float[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!float.TryParse(parts[i].Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]) || !float.IsFinite(values[i]))
            {
                result.AddError($"{Name(result)}: '{parts[i]}' is not a number; numbers are separated by commas");
                return null;
            }
        }

        return values;
    }

    /// <summary>Whole numbers of at least <paramref name="minimum"/> with commas between them.</summary>
    public static Func<ArgumentResult, IReadOnlyList<int>?> Ints(int minimum) => result =>
    {
        string[] parts = Text(result).Split(',');
        int[] values = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out values[i]) || values[i] < minimum)
            {
                result.AddError($"{Name(result)}: '{parts[i]}' is not a whole number of at least {minimum}; numbers are separated by commas");
                return null;
            }
        }

        return values;
    };

    /// <summary>One of a few words.</summary>
    public static Func<ArgumentResult, T?> Word<T>(params (string Word, T Value)[] words)
        where T : struct => result =>
    {
        string text = Text(result);
        foreach ((string word, T value) in words)
        {
            if (word == text)
            {
                return value;
            }
        }

        result.AddError($"{Name(result)}: '{text}' is not one of {string.Join(", ", words.Select(w => w.Word))}");
        return null;
    };

    private static string Text(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;

    private static string Name(ArgumentResult result) => result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;
}
