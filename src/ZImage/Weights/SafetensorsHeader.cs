using System.Globalization;
using System.Text.Json;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>
/// Reads the JSON header of a safetensors file. Whatever the bytes are, the outcome is a list of entries that lie inside the file or a
/// <see cref="ModelFormatException"/>; memory grows with the header's size and nothing else.
/// </summary>
internal sealed class SafetensorsHeader
{
    private const int ShownNameLength = 200;

    private readonly string path;
    private readonly long dataStart;
    private readonly long dataBytes;
    private readonly HashSet<string> names = new(StringComparer.Ordinal);

    private SafetensorsHeader(string path, long dataStart, long fileBytes)
    {
        this.path = path;
        this.dataStart = dataStart;
        dataBytes = fileBytes - dataStart;
    }

    /// <summary>The tensors in the order of the header.</summary>
    public List<SafetensorsEntry> Entries { get; } = [];

    /// <summary>The free-form strings under <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Parses and checks a header.</summary>
    /// <param name="json">The header's bytes.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="dataStart">Where the data begins in the file: 8 plus the header's length.</param>
    /// <param name="fileBytes">Length of the file.</param>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, string path, long dataStart, long fileBytes)
    {
        SafetensorsHeader header = new(path, dataStart, fileBytes);
        try
        {
            Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 16 });
            header.Read(ref reader);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The reader raises InvalidOperationException for strings that are not valid UTF-8 or UTF-16.
            throw header.Error($"the header is not valid JSON: {exception.Message}", inner: exception);
        }

        header.CheckRanges();
        return header;
    }

    /// <summary>A tensor's name as messages show it: long ones cut.</summary>
    public static string Show(string name) => name.Length <= ShownNameLength ? name : name[..ShownNameLength] + "...";

    private void Read(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw Error("the header is not a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name))
            {
                throw Error($"the name '{Show(name)}' stands in the header twice.");
            }

            reader.Read();
            if (name == "__metadata__")
            {
                ReadMetadata(ref reader);
            }
            else
            {
                ReadEntry(ref reader, name);
            }
        }

        // Only blanks may follow the object: the reader raises an error for anything else.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Error("__metadata__ is not a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Error($"__metadata__ entry '{Show(key)}' is not a string.");
            }

            Metadata[key] = reader.GetString()!;
        }
    }

    private void ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Error($"tensor '{Show(name)}' is not described by a JSON object.");
        }

        string? type = null;
        Shape? shape = null;
        (long Begin, long End)? offsets = null;
        Span<long> pair = stackalloc long[2];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"u8))
            {
                reader.Read();
                type = reader.TokenType == JsonTokenType.String
                    ? reader.GetString()
                    : throw Error($"the dtype of tensor '{Show(name)}' is not a string.");
            }
            else if (reader.ValueTextEquals("shape"u8))
            {
                shape = ReadShape(ref reader, name);
            }
            else if (reader.ValueTextEquals("data_offsets"u8))
            {
                int count = ReadIntegers(ref reader, name, "data_offsets", pair);
                offsets = count == 2 ? (pair[0], pair[1]) : throw Error($"data_offsets of tensor '{Show(name)}' holds {count} numbers instead of 2.");
            }
            else
            {
                reader.Skip();
            }
        }

        if (type is null || shape is null || offsets is null)
        {
            string missing = type is null ? "dtype" : shape is null ? "shape" : "data_offsets";
            throw Error($"tensor '{Show(name)}' has no {missing}.");
        }

        Add(name, type, shape.Value, offsets.Value.Begin, offsets.Value.End);
    }

    private Shape ReadShape(ref Utf8JsonReader reader, string name)
    {
        Span<long> wide = stackalloc long[Shape.MaxRank];
        int rank = ReadIntegers(ref reader, name, "shape", wide);
        if (rank > Shape.MaxRank)
        {
            throw Error($"tensor '{Show(name)}' has {rank} dimensions; at most {Shape.MaxRank} are supported.");
        }

        Span<int> extents = stackalloc int[Shape.MaxRank];
        long count = 1;
        for (int i = 0; i < rank; i++)
        {
            if (wide[i] is < 0 or > int.MaxValue || (wide[i] > 0 && count > long.MaxValue / 64 / wide[i]))
            {
                throw Error($"tensor '{Show(name)}' has the impossible extent {wide[i]} in dimension {i}.");
            }

            extents[i] = (int)wide[i];
            count *= wide[i];
        }

        return new Shape(extents[..rank]);
    }

    /// <summary>Reads an array of integers into <paramref name="values"/> and returns its length, which may be larger.</summary>
    private int ReadIntegers(ref Utf8JsonReader reader, string name, string key, scoped Span<long> values)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
        {
            throw Error($"{key} of tensor '{Show(name)}' is not an array.");
        }

        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value))
            {
                throw Error($"{key} of tensor '{Show(name)}' holds something that is not a 64-bit integer.");
            }

            if (count < values.Length)
            {
                values[count] = value;
            }

            count++;
        }

        return count;
    }

    private void Add(string name, string typeName, Shape shape, long begin, long end)
    {
        if (!SafetensorsTypes.TryGet(typeName, out int bits, out DType? type))
        {
            throw Error($"tensor '{Show(name)}' has the unknown type '{Show(typeName)}'.");
        }

        if (begin < 0 || end < begin || end > long.MaxValue - dataStart)
        {
            throw Error($"tensor '{Show(name)}' has the impossible data_offsets [{begin}, {end}].");
        }

        // No overflow: ReadShape keeps the count below 2^63 / 64.
        long totalBits = shape.Count * bits;
        if (totalBits % 8 != 0 || totalBits / 8 != end - begin)
        {
            throw Error(string.Create(
                CultureInfo.InvariantCulture,
                $"tensor '{Show(name)}' has {end - begin} bytes, but {typeName} {shape} needs {totalBits / 8.0:0.###}."));
        }

        Entries.Add(new SafetensorsEntry(name, typeName, type, shape, dataStart + begin, end - begin));
    }

    /// <summary>Every tensor must lie inside the data, and no two may share bytes.</summary>
    private void CheckRanges()
    {
        List<SafetensorsEntry> sorted = [.. Entries];
        sorted.Sort((left, right) => left.Offset.CompareTo(right.Offset));
        SafetensorsEntry? previous = null;
        foreach (SafetensorsEntry entry in sorted)
        {
            if (entry.Offset + entry.Bytes > dataStart + dataBytes)
            {
                throw PastTheEnd(entry);
            }

            if (entry.Bytes == 0)
            {
                continue;
            }

            if (previous is not null && entry.Offset < previous.Offset + previous.Bytes)
            {
                throw Error($"tensors '{Show(previous.Name)}' and '{Show(entry.Name)}' overlap.");
            }

            previous = entry;
        }
    }

    private ModelFormatException PastTheEnd(SafetensorsEntry entry)
    {
        // Where the sizes of all tensors explain the furthest byte the header is sound and the file is short; else the header is wrong.
        Int128 total = 0;
        Int128 furthest = 0;
        foreach (SafetensorsEntry other in Entries)
        {
            total += other.Bytes;
            furthest = Int128.Max(furthest, other.Offset - dataStart + other.Bytes);
        }

        return furthest == total
            ? Error(
                $"{furthest - dataBytes} bytes are missing: tensor '{Show(entry.Name)}' and what follows reach to byte {furthest} of the data, of which the file holds {dataBytes}.",
                "The download is most likely incomplete; fetch the file again and compare its size.")
            : Error($"tensor '{Show(entry.Name)}' lies outside the file: {entry.Bytes} bytes at {entry.Offset - dataStart} of {dataBytes} bytes of data.");
    }

    private ModelFormatException Error(string problem, string? hint = null, Exception? inner = null) =>
        new($"{path}: {problem}", hint ?? "The file is damaged or was not written as safetensors; fetch or convert it again.", inner);
}
