using System.Buffers.Binary;
using System.Text;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>
/// A .safetensors file, memory-mapped: the header is read at once, the tensors are views into the mapping and cost nothing.
/// The tensors live as long as this object.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The format's bound on the header, in bytes.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    private readonly MappedStorage storage;
    private readonly Dictionary<string, SafetensorsEntry> byName;

    private SafetensorsFile(string path, MappedStorage storage, SafetensorsHeader header)
    {
        Path = path;
        this.storage = storage;
        Entries = header.Entries;
        Metadata = header.Metadata;
        byName = header.Entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
    }

    /// <summary>The path it was opened with.</summary>
    public string Path { get; }

    /// <summary>Length of the file in bytes.</summary>
    public long FileBytes => storage.Bytes;

    /// <summary>What the file holds, in the order of its header, types that this engine does not read included.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The strings under <c>__metadata__</c>; empty where there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensor called <paramref name="name"/>: a view into the file, on the host.</summary>
    /// <exception cref="ModelFormatException">No such tensor, or a type that this engine does not read.</exception>
    public Tensor this[string name] => Entry(name) is { Type: not null } entry
        ? View(entry)
        : throw new ModelFormatException(
            $"{Path}: tensor '{SafetensorsHeader.Show(name)}' has the type {Entry(name).TypeName}, which is not supported.",
            "Use the checkpoint in BF16, F16 or F32.");

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="ModelFormatException">The file is missing, cut short, or not a valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new ModelFormatException("The path of a .safetensors file is empty.", "Name the file.");
        }

        MappedStorage? storage = null;
        try
        {
            FileInfo info = new(path);
            if (!info.Exists)
            {
                throw new ModelFormatException($"{path}: there is no such file.", "Check the path; `zimage info` shows what a model folder holds.");
            }

            // Looked at before opening: opening a pipe would wait for a writer for ever.
            if (info.Length < 8)
            {
                throw new ModelFormatException(
                    $"{path}: the file has {info.Length} bytes; a safetensors file has at least 8.",
                    "The download is most likely incomplete; fetch the file again.");
            }

            storage = MappedStorage.Open(path);
            SafetensorsFile file = new(path, storage, ReadHeader(storage, path));
            storage = null;
            return file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ModelFormatException($"{path}: the file cannot be read: {exception.Message}", "Check the path and the permissions.", exception);
        }
        finally
        {
            storage?.Dispose();
        }
    }

    /// <summary>Whether the file holds a tensor called <paramref name="name"/>, of whatever type.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>What the header says about the tensor called <paramref name="name"/>.</summary>
    /// <exception cref="ModelFormatException">No such tensor.</exception>
    public SafetensorsEntry Entry(string name) => byName.TryGetValue(name, out SafetensorsEntry? entry)
        ? entry
        : throw new ModelFormatException(
            $"{Path}: there is no tensor '{SafetensorsHeader.Show(name)}' among its {Entries.Count}.",
            "The file is not the one expected here, or its tensors have other names.");

    /// <summary>Unmaps the file. Its tensors must not be used afterwards.</summary>
    public void Dispose() => storage.Dispose();

    /// <summary>The view of an entry whose type is supported.</summary>
    internal Tensor View(SafetensorsEntry entry) => new(storage, entry.Type!.Value, entry.Shape, entry.Offset);

    private static SafetensorsHeader ReadHeader(MappedStorage storage, string path)
    {
        ReadOnlySpan<byte> start = storage.Span(0, (int)Math.Min(64, storage.Bytes));
        if (start.Length < 8)
        {
            throw new ModelFormatException($"{path}: the file has {start.Length} bytes; a safetensors file has at least 8.", "Fetch the file again.");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > MaxHeaderBytes)
        {
            throw new ModelFormatException(
                $"{path}: this is not a safetensors file: its header would have {length} bytes, more than the format's {MaxHeaderBytes}.",
                Recognise(start) ?? "Use a .safetensors file.");
        }

        long room = storage.Bytes - 8;
        return (long)length <= room
            ? SafetensorsHeader.Parse(storage.Span(8, (int)length), path, 8 + (long)length, storage.Bytes)
            : throw new ModelFormatException(
                $"{path}: the header has {length} bytes, but the file has only {room} after the first 8: {(long)length - room} bytes are missing at least.",
                "The download is most likely incomplete; fetch the file again.");
    }

    /// <summary>What a file that is no safetensors file probably is, from its first bytes.</summary>
    private static string? Recognise(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("version https://git-lfs"u8))
        {
            return "It is a Git LFS pointer, not the file itself: run `git lfs pull` in the repository, or download the file.";
        }

        if (start.StartsWith("GGUF"u8))
        {
            return "It is a GGUF file, which is not supported: use the checkpoint as .safetensors.";
        }

        if (start.StartsWith("PK\u0003\u0004"u8))
        {
            return "It is a PyTorch or zip archive: convert it to .safetensors.";
        }

        return Encoding.Latin1.GetString(start).TrimStart().StartsWith('<')
            ? "It is a web page, most likely an error message of the server: download the file again, signed in if the model asks for it."
            : null;
    }
}
