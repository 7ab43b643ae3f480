using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>Writes safetensors files: aside first, then renamed, so that a reader never sees half a file.</summary>
public static class SafetensorsWriter
{
    /// <summary>Writes <paramref name="tensors"/> to <paramref name="path"/>.</summary>
    /// <param name="path">The file to make; its folder exists.</param>
    /// <param name="tensors">Tensors of different names. Larger element types come first in the file, so every tensor is aligned.</param>
    /// <param name="metadata">Strings for <c>__metadata__</c>.</param>
    /// <param name="overwrite">Whether an existing file is replaced.</param>
    /// <exception cref="ArgumentException">Two tensors of one name.</exception>
    /// <exception cref="OutputException">The file exists, or it cannot be written; then nothing is left behind.</exception>
    public static void Write(
        string path, IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null, bool overwrite = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        SafetensorsTensor[] ordered = [.. tensors.OrderByDescending(tensor => tensor.Type.SizeBytes())];
        byte[] header = Header(ordered, metadata);
        long total = header.Length;
        foreach (SafetensorsTensor tensor in ordered)
        {
            total = checked(total + tensor.Bytes);
        }

        AtomicFile.Write(path, overwrite, stream => WriteTo(stream, header, ordered), total);
    }

    private static void WriteTo(Stream stream, byte[] header, SafetensorsTensor[] tensors)
    {
        stream.Write(header);
        foreach (SafetensorsTensor tensor in tensors)
        {
            long before = stream.Position;
            tensor.WriteTo(stream);
            if (stream.Position - before != tensor.Bytes)
            {
                throw new InvalidOperationException(
                    $"{stream.Position - before} bytes were written for '{tensor.Name}', {tensor.Type} {tensor.Shape}, instead of {tensor.Bytes}.");
            }
        }
    }

    /// <summary>The length field and the JSON, padded with blanks so that the data starts at a multiple of 8.</summary>
    private static byte[] Header(SafetensorsTensor[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        ArrayBufferWriter<byte> json = new();
        using (Utf8JsonWriter writer = new(json))
        {
            writer.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                writer.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata)
                {
                    writer.WriteString(key, value);
                }

                writer.WriteEndObject();
            }

            HashSet<string> names = new(StringComparer.Ordinal);
            long offset = 0;
            foreach (SafetensorsTensor tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                {
                    throw new ArgumentException($"Two tensors are called '{tensor.Name}'.", nameof(tensors));
                }

                writer.WriteStartObject(tensor.Name);
                writer.WriteString("dtype", SafetensorsTypes.Name(tensor.Type));
                writer.WriteStartArray("shape");
                foreach (int extent in tensor.Shape.ToArray())
                {
                    writer.WriteNumberValue(extent);
                }

                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(offset);
                offset = checked(offset + tensor.Bytes);
                writer.WriteNumberValue(offset);
                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        int padded = (json.WrittenCount + 7) / 8 * 8;
        byte[] header = new byte[8 + padded];
        BinaryPrimitives.WriteInt64LittleEndian(header, padded);
        json.WrittenSpan.CopyTo(header.AsSpan(8));
        header.AsSpan(8 + json.WrittenCount).Fill((byte)' ');
        return header;
    }
}
