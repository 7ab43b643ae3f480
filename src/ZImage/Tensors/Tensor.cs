namespace ZImage.Tensors;

/// <summary>
/// A typed view of storage: shape, element type, and the distance between rows. Views are free; nothing is copied and nothing is owned.
/// Elements are row-major. Only the stride of a matrix's rows can differ from the dense one (see <see cref="Columns"/>).
/// </summary>
public readonly struct Tensor : IEquatable<Tensor>
{
    private readonly TensorStorage? storage;
    private readonly long byteOffset;

    /// <summary>A dense view of <paramref name="storage"/> from <paramref name="byteOffset"/> on.</summary>
    /// <exception cref="ArgumentException">The view does not fit the storage.</exception>
    public Tensor(TensorStorage storage, DType type, Shape shape, long byteOffset = 0)
        : this(storage, type, shape, byteOffset, shape.Rank == 0 ? 1 : shape[-1])
    {
        ArgumentNullException.ThrowIfNull(storage);
        if (byteOffset < 0 || byteOffset + (shape.Count * type.SizeBytes()) > storage.Bytes)
        {
            throw new ArgumentException($"{type} {shape} at byte {byteOffset} does not fit {storage.Bytes} bytes of storage.", nameof(shape));
        }
    }

    private Tensor(TensorStorage storage, DType type, Shape shape, long byteOffset, int rowStride)
    {
        this.storage = storage;
        DType = type;
        Shape = shape;
        this.byteOffset = byteOffset;
        RowStride = rowStride;
    }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Extents, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>Elements from one row (last dimension) to the next.</summary>
    public int RowStride { get; }

    /// <summary>Whether this is the default value, which views nothing.</summary>
    public bool IsEmpty => storage is null;

    /// <summary>The memory looked into.</summary>
    public TensorStorage Storage => storage ?? throw new InvalidOperationException("The tensor is empty.");

    /// <summary>Address of the first element, in host or device memory.</summary>
    public nint Address => Storage.Address + (nint)byteOffset;

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Count;

    /// <summary>Size of the elements in bytes.</summary>
    public long Bytes => Shape.Count * DType.SizeBytes();

    /// <summary>Number of rows: all dimensions but the last, multiplied.</summary>
    public int RowCount => Shape.Rank == 0 ? 1 : Shape[-1] == 0 ? 0 : checked((int)(Shape.Count / Shape[-1]));

    /// <summary>Length of a row: the last dimension.</summary>
    public int RowLength => Shape.Rank == 0 ? 1 : Shape[-1];

    /// <summary>Whether rows follow each other without a gap.</summary>
    public bool IsDense => RowStride == RowLength || RowCount <= 1;

    /// <summary>Whether two views are the same view.</summary>
    public static bool operator ==(Tensor left, Tensor right) => left.Equals(right);

    /// <summary>Whether two views differ.</summary>
    public static bool operator !=(Tensor left, Tensor right) => !left.Equals(right);

    /// <summary>The entries <paramref name="start"/> .. <paramref name="start"/> + <paramref name="count"/> of the first dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public Tensor Slice(int start, int count)
    {
        int extent = Shape[0];
        if (start < 0 || count < 0 || start > extent - count)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"Entries {start}..{start + count} of the first dimension of {Shape}.");
        }

        Span<int> extents = stackalloc int[Shape.Rank];
        long inner = Shape.Rank == 1 ? 1 : RowStride;
        for (int i = 0; i < extents.Length; i++)
        {
            extents[i] = Shape[i];
            if (i > 0 && i < extents.Length - 1)
            {
                inner *= Shape[i];
            }
        }

        extents[0] = count;
        int stride = Shape.Rank == 1 ? count : RowStride;
        return new Tensor(Storage, DType, new Shape(extents), byteOffset + (start * inner * DType.SizeBytes()), stride);
    }

    /// <summary>The columns <paramref name="start"/> .. <paramref name="start"/> + <paramref name="count"/> of a matrix, keeping its row stride.</summary>
    /// <exception cref="ArgumentException">Not a matrix, or the range leaves it.</exception>
    public Tensor Columns(int start, int count)
    {
        if (Shape.Rank != 2 || start < 0 || count < 0 || start > Shape[1] - count)
        {
            throw new ArgumentException($"Columns {start}..{start + count} of {Shape}.", nameof(start));
        }

        return new Tensor(Storage, DType, new Shape(Shape[0], count), byteOffset + ((long)start * DType.SizeBytes()), RowStride);
    }

    /// <summary>The same elements under another shape of the same count.</summary>
    /// <exception cref="ArgumentException">Another number of elements, or rows with gaps.</exception>
    public Tensor Reshape(params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        if (shape.Count != Count || !IsDense)
        {
            throw new ArgumentException($"{Shape}{(IsDense ? "" : " (strided)")} cannot be seen as {shape}.", nameof(extents));
        }

        return new Tensor(Storage, DType, shape, byteOffset);
    }

    /// <summary>The elements of a dense host tensor.</summary>
    /// <exception cref="InvalidOperationException">Device memory, gaps between rows, or an element size other than <typeparamref name="T"/>'s.</exception>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (!Storage.IsHost || !IsDense || sizeof(T) != DType.SizeBytes())
        {
            throw new InvalidOperationException($"{DType} {Shape} cannot be read as dense host memory of {typeof(T).Name}.");
        }

        return new Span<T>((void*)Address, checked((int)Count));
    }

    /// <summary>Address of the first element as a pointer.</summary>
    internal unsafe T* Pointer<T>()
        where T : unmanaged => (T*)Address;

    /// <inheritdoc/>
    public bool Equals(Tensor other) =>
        ReferenceEquals(storage, other.storage) && byteOffset == other.byteOffset && DType == other.DType
        && Shape == other.Shape && RowStride == other.RowStride;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(storage, byteOffset, DType, Shape, RowStride);

    /// <summary>For example <c>BF16 [3840, 3840]</c>.</summary>
    public override string ToString() => $"{DType} {Shape}";
}
