using System.Text.Json;

namespace ZImage.Text;

/// <summary>A value of a tokenizer file with its place, so that every error can name file, key and value.</summary>
/// <param name="Element">The value; undefined where the key is absent.</param>
/// <param name="File">The file's name.</param>
/// <param name="Path">Keys from the root, such as model.type; empty for the root.</param>
internal readonly record struct JsonValue(JsonElement Element, string File, string Path)
{
    /// <summary>Absent or null.</summary>
    internal bool IsNull => Element.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    /// <summary>The member of an object; undefined where it is absent.</summary>
    internal JsonValue this[string key] => new(
        Expect(JsonValueKind.Object, "an object").TryGetProperty(key, out JsonElement member) ? member : default,
        File,
        Path.Length == 0 ? key : $"{Path}.{key}");

    /// <summary>Parses a file's bytes and hands the root to a reader.</summary>
    /// <exception cref="ModelFormatException">No JSON, or no UTF-8.</exception>
    internal static T Read<T>(ReadOnlyMemory<byte> bytes, string file, Func<JsonValue, T> reader)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        try
        {
            using var document = JsonDocument.Parse(bytes.Span.StartsWith(mark) ? bytes[3..] : bytes);
            return reader(new JsonValue(document.RootElement, file, ""));
        }
        catch (JsonException e)
        {
            throw TokenizerDefinition.Fault(file, $"not valid JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // System.Text.Json's way to say that a string is no valid UTF-8 or has a lone surrogate.
            throw TokenizerDefinition.Fault(file, $"a string is not valid Unicode: {e.Message}", e);
        }
    }

    /// <summary>The items of an array.</summary>
    internal IEnumerable<JsonValue> Items()
    {
        JsonElement array = Expect(JsonValueKind.Array, "a list");
        return Walk(array, File, Path);

        static IEnumerable<JsonValue> Walk(JsonElement array, string file, string path)
        {
            int index = 0;
            foreach (JsonElement item in array.EnumerateArray())
            {
                yield return new JsonValue(item, file, $"{path}[{index++}]");
            }
        }
    }

    /// <summary>The value as text.</summary>
    internal string Text() => Expect(JsonValueKind.String, "a text").GetString()!;

    /// <summary>The value as a whole number.</summary>
    internal int Integer() => Expect(JsonValueKind.Number, "a whole number").TryGetInt32(out int value) ? value : throw Unexpected("a whole number in range");

    /// <summary>The value as true or false; the default where it is absent.</summary>
    internal bool Flag(bool absent = false) => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ when IsNull => absent,
        _ => throw Unexpected("true or false"),
    };

    /// <summary>The value, which must be of a kind.</summary>
    internal JsonElement Expect(JsonValueKind kind, string words) => Element.ValueKind == kind ? Element : throw Unexpected(words);

    /// <summary>The error for a value that is not what can be used.</summary>
    internal ModelFormatException Unexpected(string expected)
    {
        string value = Element.ValueKind switch
        {
            JsonValueKind.Undefined => "missing",
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            JsonValueKind.String => $"\"{TokenizerDefinition.Shorten(Element.GetString()!)}\"",
            _ => TokenizerDefinition.Shorten(Element.GetRawText()),
        };
        return TokenizerDefinition.Fault(File, $"{(Path.Length == 0 ? "the file's content" : Path)} is {value}; expected {expected}.");
    }

    /// <summary>Refuses members that nobody reads, since they might change the ids.</summary>
    internal void AllowOnly(params ReadOnlySpan<string> keys)
    {
        foreach (JsonProperty member in Expect(JsonValueKind.Object, "an object").EnumerateObject())
        {
            if (!keys.Contains(member.Name))
            {
                throw this[member.Name].Unexpected("no such key");
            }
        }
    }
}
