using System.Globalization;
using System.Text.Json;

namespace ZImage.Weights;

/// <summary>Reads the fields of a JSON config with their defaults and ranges. Every error names the file, the key and the value.</summary>
internal sealed class ConfigReader
{
    private const long MaxFileBytes = 64 << 20;

    private readonly Dictionary<string, JsonElement> fields;
    private readonly HashSet<string> asked = new(StringComparer.Ordinal);
    private readonly string prefix;

    private ConfigReader(string file, string prefix, JsonElement root)
    {
        File = file;
        this.prefix = prefix;
        fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach ((string name, JsonElement value) in Members(prefix, root))
        {
            fields[name] = value;
        }
    }

    /// <summary>The file, for messages.</summary>
    public string File { get; }

    /// <summary>Reads the file at <paramref name="path"/>.</summary>
    /// <exception cref="ModelFormatException">Missing, unreadable, larger than 64 MiB, or not a JSON object.</exception>
    public static ConfigReader Open(string path)
    {
        byte[] json;
        try
        {
            FileInfo info = new(path);
            if (!info.Exists)
            {
                throw new ModelFormatException($"{path}: there is no such file.", "The download is incomplete, or this is not a model folder.");
            }

            if (info.Length is 0 or > MaxFileBytes)
            {
                throw new ModelFormatException($"{path}: {info.Length} bytes are no JSON config.", "Fetch the file again.");
            }

            json = System.IO.File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException($"{path}: the file cannot be read: {exception.Message}", "Check the path and the permissions.", exception);
        }

        return Parse(json, path);
    }

    /// <summary>Reads a config from memory.</summary>
    /// <inheritdoc cref="Open" path="/exception"/>
    public static ConfigReader Parse(ReadOnlyMemory<byte> json, string file)
    {
        ReadOnlyMemory<byte> text = json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new ConfigReader(file, "", document.RootElement.Clone())
                : throw new ModelFormatException($"{file}: the file is not a JSON object.", "Fetch the file again.");
        }
        catch (JsonException exception)
        {
            string hint = text.Span.StartsWith("version https://git-lfs"u8) ? "It is a Git LFS pointer: run `git lfs pull`." : "Fetch the file again.";
            throw new ModelFormatException($"{file}: not valid JSON: {exception.Message}", hint, exception);
        }
    }

    /// <summary>
    /// Keys with a value that nobody has asked for, in order; those that start with an underscore are notes about the file. Such a key may ask for an
    /// arithmetic that the engine does not have.
    /// </summary>
    public IReadOnlyList<string> Unread =>
        [.. fields.Where(pair => pair.Value.ValueKind != JsonValueKind.Null && !pair.Key.StartsWith('_') && !asked.Contains(pair.Key)).Select(pair => pair.Key).Order(StringComparer.Ordinal)];

    /// <summary>The value of a key; null where it is absent or null.</summary>
    public JsonElement? Find(string key)
    {
        asked.Add(key);
        return fields.TryGetValue(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    /// <summary>Whether the key is there, with whatever value.</summary>
    public bool Has(string key) => fields.ContainsKey(key);

    /// <summary>An integer from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public int Int32(string key, int fallback, int min, int max) => OptionalInt32(key, min, max) ?? fallback;

    /// <summary>An integer from <paramref name="min"/> to <paramref name="max"/>, or null.</summary>
    public int? OptionalInt32(string key, int min, int max) => Find(key) is { } value ? Integer(key, value, min, max) : null;

    /// <summary>A finite number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public double Number(string key, double fallback, double min, double max) => OptionalNumber(key, min, max) ?? fallback;

    /// <summary>A finite number from <paramref name="min"/> to <paramref name="max"/>, or null.</summary>
    public double? OptionalNumber(string key, double min, double max)
    {
        if (Find(key) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= min && number <= max
            ? number
            : throw Error(key, string.Create(CultureInfo.InvariantCulture, $"is {Show(value)}; expected is a number from {min} to {max}"));
    }

    /// <summary>True or false.</summary>
    public bool Boolean(string key, bool fallback) => Find(key) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Error(key, $"is {Show(value)}; expected is true or false"),
    };

    /// <summary>A string, or null.</summary>
    public string? OptionalString(string key) => Find(key) is { } value
        ? value.ValueKind == JsonValueKind.String ? Text(key, value) : throw Error(key, $"is {Show(value)}; expected is a string")
        : null;

    /// <summary>A list of 1 to <paramref name="maxCount"/> integers.</summary>
    public IReadOnlyList<int> Int32List(string key, IReadOnlyList<int> fallback, int min, int max, int maxCount) =>
        Find(key) is { } value ? [.. Items(key, value, maxCount).Select(item => Integer(key, item, min, max))] : fallback;

    /// <summary>A list of 1 to <paramref name="maxCount"/> strings, or null.</summary>
    public IReadOnlyList<string>? OptionalStringList(string key, int maxCount) => Find(key) is { } value
        ? [.. Items(key, value, maxCount).Select(item => item.ValueKind == JsonValueKind.String ? Text(key, item) : throw Error(key, $"holds {Show(item)}; expected are strings"))]
        : null;

    /// <summary>An object inside this one; null where it is absent or null.</summary>
    public ConfigReader? Section(string key) => Find(key) is { } value
        ? value.ValueKind == JsonValueKind.Object ? new ConfigReader(File, $"{prefix}{key}.", value) : throw Error(key, $"is {Show(value)}; expected is an object")
        : null;

    /// <summary>Throws unless <c>_class_name</c> is absent or <paramref name="expected"/>.</summary>
    public void RequireClass(string expected)
    {
        if (OptionalString("_class_name") is { } found && found != expected)
        {
            throw Error("_class_name", $"is '{SafetensorsHeader.Show(found)}'; expected is '{expected}'", "This is not a Z-Image model.");
        }
    }

    /// <summary>Throws where the weights are stored in a quantised form that the tensors' types alone do not tell.</summary>
    public void RefuseQuantization()
    {
        if (Find("quantization_config") is not null)
        {
            throw Error("quantization_config", "is set: the weights are quantised, which is not supported", "Use the checkpoint in BF16, F16 or F32.");
        }
    }

    /// <summary>The error for a key: file, key, and what is wrong with its value.</summary>
    public ModelFormatException Error(string key, string problem, string? hint = null) =>
        new($"{File}: {prefix}{key} {problem}.", hint ?? "The config is damaged or is for a model that this engine does not support.");

    /// <summary>The members of an object, with its names checked.</summary>
    internal IEnumerable<(string Name, JsonElement Value)> Members(string key, JsonElement value)
    {
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string name;
            try
            {
                name = property.Name;
            }
            catch (InvalidOperationException exception)
            {
                throw new ModelFormatException($"{File}: a name under '{key}' is not valid text.", "Fetch the file again.", exception);
            }

            yield return (name, property.Value);
        }
    }

    /// <summary>The text of a string element.</summary>
    internal string Text(string key, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw new ModelFormatException($"{File}: {prefix}{key} is not valid text.", "Fetch the file again.", exception);
        }
    }

    private List<JsonElement> Items(string key, JsonElement value, int maxCount)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is var count && (count < 1 || count > maxCount))
        {
            throw Error(key, $"is {Show(value)}; expected is a list of 1 to {maxCount} entries");
        }

        return [.. value.EnumerateArray()];
    }

    private int Integer(string key, JsonElement value, int min, int max)
    {
        // Exporters write 3840.0 now and then.
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= min && number <= max && number == Math.Floor(number))
        {
            return (int)number;
        }

        throw Error(key, $"is {Show(value)}; expected is an integer from {min} to {max}");
    }

    private static string Show(JsonElement value) => SafetensorsHeader.Show(value.GetRawText());
}
