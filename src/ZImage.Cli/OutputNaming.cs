using System.Globalization;
using System.Text;

namespace ZImage.Cli;

/// <summary>What a file name may tell about a picture.</summary>
/// <param name="Prompt">The picture's prompt.</param>
/// <param name="Seed">Seed of the request.</param>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Number of rows.</param>
/// <param name="PromptIndex">Which prompt it draws, from 0.</param>
/// <param name="Index">Its place among all pictures, from 0.</param>
internal sealed record PictureFacts(string Prompt, ulong Seed, int Width, int Height, int PromptIndex, int Index);

/// <summary>File names of the pictures of a request. In names, counting starts at 1.</summary>
internal static class OutputNaming
{
    private const string DefaultTemplate = "{slug}-{seed}.png";
    private const string NoSlug = "zimage";
    private const int MaxSlugElements = 60;

    // File systems allow 255 bytes in a name; this leaves room for the seed and the numbers.
    private const int MaxSlugBytes = 180;

    private static readonly string[] Fields = ["slug", "seed", "index", "width", "height", "prompt_index"];

    private static readonly string[] OtherPictures = [".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".tga"];

    /// <summary>The paths of all pictures, one each, all different.</summary>
    /// <param name="template">A path with fields such as {slug}, {seed} or {index:000}; null for the default. A path that ends with a separator is a folder for default names.</param>
    /// <param name="pictures">The pictures, in order.</param>
    /// <param name="exists">Whether a path is taken. Default names give way to it; a template's do not, because the user chose them.</param>
    /// <exception cref="InvalidRequestException">An unknown field, or an extension other than .png.</exception>
    public static IReadOnlyList<string> Paths(string? template, IReadOnlyList<PictureFacts> pictures, Func<string, bool> exists)
    {
        bool isDefault = string.IsNullOrEmpty(template) || Path.EndsInDirectorySeparator(template);
        string pattern = WithExtension(isDefault ? template + DefaultTemplate : template!);
        List<string> fields = [];
        string[] bases = [.. pictures.Select(picture => Expand(pattern, picture, fields))];
        bool toldApart = fields.Contains("index")
            || (fields.Contains("prompt_index") && bases.Distinct(StringComparer.OrdinalIgnoreCase).Count() == bases.Length);
        bool numbered = bases.Length > 1 && !toldApart;
        for (int attempt = 1; ; attempt++)
        {
            string[] paths = [.. bases.Select((path, i) => Insert(Insert(path, attempt > 1 ? attempt : null), numbered ? i + 1 : null))];
            if (!isDefault || !paths.Any(exists))
            {
                return paths;
            }
        }
    }

    /// <summary>The prompt as a part of a file name: letters and digits of any script, everything else as single hyphens.</summary>
    public static string Slug(string prompt)
    {
        var slug = new StringBuilder();
        int elements = 0;
        int bytes = 0;
        bool gap = false;
        foreach (string element in TextElements(prompt))
        {
            var kept = new StringBuilder();
            foreach (Rune rune in element.EnumerateRunes())
            {
                if (IsKept(rune))
                {
                    kept.Append(rune.ToString());
                }
            }

            if (kept.Length == 0)
            {
                gap |= element is not ("'" or "\u2019"); // an apostrophe joins: cat's becomes cats
                continue;
            }

            bool hyphen = gap && slug.Length > 0;
            string part = hyphen ? "-" + kept : kept.ToString();
            elements += hyphen ? 2 : 1;
            bytes += Encoding.UTF8.GetByteCount(part);
            if (elements > MaxSlugElements || bytes > MaxSlugBytes)
            {
                break;
            }

            slug.Append(part);
            gap = false;
        }

        return slug.Length == 0 ? NoSlug : IsReserved(slug.ToString()) ? $"{NoSlug}-{slug}" : slug.ToString();
    }

    private static IEnumerable<string> TextElements(string text)
    {
        TextElementEnumerator elements = StringInfo.GetTextElementEnumerator(text);
        while (elements.MoveNext())
        {
            yield return elements.GetTextElement();
        }
    }

    // Marks belong to the letters of many scripts (Hindi, Thai, Arabic).
    private static bool IsKept(Rune rune) =>
        Rune.IsLetterOrDigit(rune)
        || (Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            && rune.Value is not (>= 0xFE00 and <= 0xFE0F)); // variation selectors belong to emoji

    // Names that Windows gives to devices, whatever the extension.
    private static bool IsReserved(string name) =>
        name.ToUpperInvariant() is "CON" or "PRN" or "AUX" or "NUL" or "CONIN" or "CONOUT"
        || (name.Length == 4
            && (name.StartsWith("COM", StringComparison.OrdinalIgnoreCase) || name.StartsWith("LPT", StringComparison.OrdinalIgnoreCase))
            && char.IsAsciiDigit(name[3]));

    private static string WithExtension(string pattern)
    {
        string extension = Path.GetExtension(pattern);
        if (OtherPictures.Contains(extension, StringComparer.OrdinalIgnoreCase))
        {
            throw new InvalidRequestException($"Pictures are saved as PNG; {pattern} has the extension {extension}.", "Use .png.");
        }

        return extension.Equals(".png", StringComparison.OrdinalIgnoreCase) ? pattern : pattern + ".png";
    }

    private static string Expand(string pattern, PictureFacts picture, List<string> fields)
    {
        var path = new StringBuilder();
        int at = 0;
        while (at < pattern.Length)
        {
            char c = pattern[at++];
            if (c is '{' or '}' && at < pattern.Length && pattern[at] == c)
            {
                path.Append(c); // doubled: itself
                at++;
                continue;
            }

            if (c != '{')
            {
                path.Append(c);
                continue;
            }

            int end = pattern.IndexOf('}', at);
            if (end < 0)
            {
                throw new InvalidRequestException($"The file name {pattern} has a {{ without a }}.", "Write {{ for a brace in the name.");
            }

            path.Append(Value(pattern[at..end], picture, fields));
            at = end + 1;
        }

        return path.ToString();
    }

    private static string Value(string field, PictureFacts picture, List<string> fields)
    {
        string[] parts = field.Split(':', 2);
        string zeros = parts.Length == 2 ? parts[1] : "0";
        if (!Fields.Contains(parts[0]) || zeros.Length == 0 || zeros.Any(c => c != '0') || (parts is ["slug", _]))
        {
            throw new InvalidRequestException(
                $"{{{field}}} is no field of a file name.",
                $"Fields are {string.Join(", ", Fields.Select(name => $"{{{name}}}"))}; numbers may have a width, such as {{index:000}}.");
        }

        fields.Add(parts[0]);
        return parts[0] switch
        {
            "slug" => Slug(picture.Prompt),
            "seed" => picture.Seed.ToString(zeros, CultureInfo.InvariantCulture),
            "index" => (picture.Index + 1).ToString(zeros, CultureInfo.InvariantCulture),
            "width" => picture.Width.ToString(zeros, CultureInfo.InvariantCulture),
            "height" => picture.Height.ToString(zeros, CultureInfo.InvariantCulture),
            _ => (picture.PromptIndex + 1).ToString(zeros, CultureInfo.InvariantCulture),
        };
    }

    private static string Insert(string path, int? number) =>
        number is { } n
            ? string.Concat(path.AsSpan(0, path.Length - 4), "-", n.ToString(CultureInfo.InvariantCulture), path.AsSpan(path.Length - 4)) // before ".png"
            : path;
}
