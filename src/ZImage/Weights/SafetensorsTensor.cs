using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>A tensor to be written to a safetensors file: a name, a type, a shape, and something that writes the bytes.</summary>
public sealed class SafetensorsTensor
{
    private const int ChunkBytes = 1 << 24;

    private readonly Action<Stream> write;

    /// <summary>A tensor whose bytes are made while the file is written.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Its type.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="write">Writes exactly the elements, row-major and little-endian.</param>
    /// <exception cref="ArgumentException">The name is empty or <c>__metadata__</c>.</exception>
    public SafetensorsTensor(string name, DType type, Shape shape, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(write);
        if (name == "__metadata__")
        {
            throw new ArgumentException("A tensor cannot be called __metadata__.", nameof(name));
        }

        Name = name;
        Type = type;
        Shape = shape;
        Bytes = checked(shape.Count * type.SizeBytes());
        this.write = write;
    }

    /// <summary>A tensor from its bytes.</summary>
    /// <exception cref="ArgumentException">Another number of bytes than the type and the shape need.</exception>
    public SafetensorsTensor(string name, DType type, Shape shape, ReadOnlyMemory<byte> bytes)
        : this(name, type, shape, stream => stream.Write(bytes.Span))
    {
        if (bytes.Length != Bytes)
        {
            throw new ArgumentException($"{bytes.Length} bytes do not fill {type} {shape}.", nameof(bytes));
        }
    }

    /// <summary>A tensor of singles.</summary>
    public SafetensorsTensor(string name, HostTensor tensor)
        : this(name, DType.F32, (tensor ?? throw new ArgumentNullException(nameof(tensor))).Shape, stream => WriteValues(stream, tensor.Values))
    {
    }

    /// <summary>A dense tensor in host memory.</summary>
    /// <exception cref="ArgumentException">Device memory, or rows with gaps.</exception>
    public SafetensorsTensor(string name, Tensor tensor)
        : this(name, tensor.DType, tensor.Shape, stream => WriteMemory(stream, tensor))
    {
        if (!tensor.Storage.IsHost || !tensor.IsDense)
        {
            throw new ArgumentException($"{tensor} is not dense host memory.", nameof(tensor));
        }
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The type.</summary>
    public DType Type { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>Size of the elements in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Writes the elements.</summary>
    internal void WriteTo(Stream stream) => write(stream);

    private static void WriteValues(Stream stream, float[] values)
    {
        for (int start = 0; start < values.Length; start += ChunkBytes / 4)
        {
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan(start, Math.Min(ChunkBytes / 4, values.Length - start))));
        }
    }

    private static unsafe void WriteMemory(Stream stream, Tensor tensor)
    {
        byte* pointer = tensor.Pointer<byte>();
        for (long start = 0; start < tensor.Bytes; start += ChunkBytes)
        {
            stream.Write(new ReadOnlySpan<byte>(pointer + start, (int)Math.Min(ChunkBytes, tensor.Bytes - start)));
        }

        GC.KeepAlive(tensor.Storage);
    }
}
