using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>embed_gather_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GatherParams
{
    public nint Table;
    public nint Ids;
    public nint Y;
    public int Width;
    public int TableStride;
    public int YStride;
    public int TableType;
}

/// <summary>Parameters of <c>embed_time_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeParams
{
    public nint Times;
    public nint Y;
    public int Width;
    public int YStride;
}

public sealed partial class CudaBackend
{
    private CudaKernel gather;
    private CudaKernel timeEmbedding;

    /// <inheritdoc/>
    public void Gather(Tensor table, ReadOnlySpan<int> ids, Tensor y)
    {
        OperatorChecks.Gather(ActivationType, table, ids, y);
        if (y.Count == 0)
        {
            return;
        }

        GatherParams parameters = new()
        {
            Table = table.Address,
            Ids = ToScratch(ids),
            Y = y.Address,
            Width = y.RowLength,
            TableStride = table.RowStride,
            YStride = y.RowStride,
            TableType = KernelType(table.DType),
        };
        Launch(ForActivations(ref gather, "embed", "embed_gather"), ElementsOfRows(y.RowCount, y.RowLength), ElementThreads, 0, in parameters);
    }

    /// <inheritdoc/>
    public void TimestepEmbedding(ReadOnlySpan<float> times, Tensor y)
    {
        OperatorChecks.TimestepEmbedding(ActivationType, times, y);
        if (y.Count == 0)
        {
            return;
        }

        TimeParams parameters = new()
        {
            Times = ToScratch(times),
            Y = y.Address,
            Width = y.RowLength,
            YStride = y.RowStride,
        };
        Launch(ForActivations(ref timeEmbedding, "embed", "embed_time"), ElementsOfRows(y.RowCount, y.RowLength), ElementThreads, 0, in parameters);
    }

    /// <summary>Grid of the kernels that give a thread one element (or one 16-byte piece) of a row.</summary>
    /// <exception cref="ArgumentException">A row of more than 16 million.</exception>
    private static CudaGrid ElementsOfRows(int rows, int width)
    {
        int parts = RowGeometry.CeilDiv(width, ElementThreads);
        return parts <= ushort.MaxValue
            ? new CudaGrid(rows, parts)
            : throw new ArgumentException($"A row of {width} elements is longer than the {ushort.MaxValue * ElementThreads} that a launch can take.", nameof(width));
    }

    /// <summary>A stored type as <c>common/convert.cuh</c> numbers it.</summary>
    private static int KernelType(DType type) => type switch
    {
        DType.F32 => 0,
        DType.F16 => 1,
        DType.BF16 => 2,
        _ => throw new ArgumentException($"{type} is not a type that weights are stored in.", nameof(type)),
    };

    private nint ToScratch<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        nint address = Scratch(bytes.Length);
        CopyToDevice(bytes, address);
        return address;
    }
}
