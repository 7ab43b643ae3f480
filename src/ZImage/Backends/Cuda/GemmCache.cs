using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>Chosen algorithms on disk, one file for each version of the library and kind of device.</summary>
internal sealed class GemmCache
{
    private const int AlgorithmBytes = 64;

    private readonly string? path;
    private readonly Dictionary<string, GemmChoice> choices;
    private readonly HashSet<string> added = new(StringComparer.Ordinal);

    /// <summary>Reads the file, if it is there and whole.</summary>
    /// <param name="folder">The cache's folder for products; null for no cache.</param>
    /// <param name="libraryVersion">Version of cuBLASLt.</param>
    /// <param name="device">Name of the device.</param>
    /// <param name="multiprocessors">Its multiprocessors: a slice of a device is another kind.</param>
    public GemmCache(string? folder, long libraryVersion, string device, int multiprocessors)
    {
        string name = string.Concat(device.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        path = folder is null ? null : Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{libraryVersion}.{name}.{multiprocessors}.json"));
        choices = Read();
    }

    /// <summary>A choice made earlier.</summary>
    public bool TryGet(GemmShape shape, out GemmChoice choice) => choices.TryGetValue(shape.ToString(), out choice);

    /// <summary>Remembers a choice; <see cref="Save"/> writes it.</summary>
    public void Add(GemmShape shape, GemmChoice choice)
    {
        string key = shape.ToString();
        choices[key] = choice;
        added.Add(key);
    }

    /// <summary>Forgets a choice that does not work.</summary>
    public void Remove(GemmShape shape) => choices.Remove(shape.ToString());

    /// <summary>Writes what was added, together with what other processes added meanwhile. A cache that cannot be written is done without.</summary>
    public void Save()
    {
        if (added.Count == 0 || path is null)
        {
            return;
        }

        Dictionary<string, GemmChoice> merged = Read();
        foreach (string key in added)
        {
            if (choices.TryGetValue(key, out GemmChoice choice))
            {
                merged[key] = choice;
            }
        }

        added.Clear();
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            AtomicFile.Write(path, overwrite: true, stream => Write(stream, merged));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or OutputException)
        {
            // The next process measures again.
        }
    }

    private static unsafe void Write(Stream stream, Dictionary<string, GemmChoice> entries)
    {
        using Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true });
        Span<byte> bytes = stackalloc byte[AlgorithmBytes];
        writer.WriteStartObject();
        foreach ((string key, GemmChoice choice) in entries.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            cublasLtMatmulAlgo_t algorithm = choice.Algorithm;
            for (int i = 0; i < AlgorithmBytes / 8; i++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[(8 * i)..], algorithm.data[i]);
            }

            writer.WriteStartObject(key);
            writer.WriteString("algorithm", Convert.ToHexStringLower(bytes));
            writer.WriteNumber("workspace", choice.Workspace);
            writer.WriteNumber("microseconds", Math.Round(choice.Microseconds, 2));
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private Dictionary<string, GemmChoice> Read()
    {
        Dictionary<string, GemmChoice> entries = new(StringComparer.Ordinal);
        if (path is null || !File.Exists(path))
        {
            return entries;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            foreach (JsonProperty entry in document.RootElement.EnumerateObject())
            {
                if (Parse(entry.Value) is { } choice)
                {
                    entries[entry.Name] = choice;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            entries.Clear();
        }

        return entries;
    }

    private static unsafe GemmChoice? Parse(JsonElement entry)
    {
        byte[] bytes = Convert.FromHexString(entry.GetProperty("algorithm").GetString() ?? "");
        long workspace = entry.GetProperty("workspace").GetInt64();
        if (bytes.Length != AlgorithmBytes || workspace is < 0 or > GemmEngine.WorkspaceBytes)
        {
            return null;
        }

        cublasLtMatmulAlgo_t algorithm = default;
        for (int i = 0; i < AlgorithmBytes / 8; i++)
        {
            algorithm.data[i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8 * i));
        }

        return new GemmChoice(algorithm, workspace, entry.GetProperty("microseconds").GetDouble());
    }
}
