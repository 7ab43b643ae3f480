using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>rows_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RowsParams
{
    public nint Source;
    public nint Destination;
    public int Count;
    public int SourceStride;
    public int DestinationStride;
    public int SourceType;
    public int DestinationType;
}

public sealed partial class CudaBackend
{
    // Bytes of what rows_copy gives a thread.
    private const int PieceBytes = 16;

    private CudaKernel rowsCopy;
    private CudaKernel rowsConvert;

    /// <inheritdoc/>
    public void CopyRows(Tensor source, Tensor destination)
    {
        OperatorChecks.CopyRows(source, destination);
        if (source.Count == 0)
        {
            return;
        }

        int size = source.DType.SizeBytes();
        long rowBytes = (long)source.RowLength * size;
        if (source.DType == destination.DType && rowBytes % PieceBytes == 0 && IsVectorAligned(source) && IsVectorAligned(destination))
        {
            RowsParams pieces = new()
            {
                Source = source.Address,
                Destination = destination.Address,
                Count = (int)(rowBytes / PieceBytes),
                SourceStride = (int)((long)source.RowStride * size / PieceBytes),
                DestinationStride = (int)((long)destination.RowStride * size / PieceBytes),
            };
            Launch(Cached(ref rowsCopy, "rows", "rows_copy"), ElementsOfRows(source.RowCount, pieces.Count), ElementThreads, 0, in pieces);
            return;
        }

        ConvertRows(source, source.RowStride, destination);
    }

    /// <inheritdoc/>
    public void FillRows(Tensor row, Tensor destination)
    {
        OperatorChecks.FillRows(ActivationType, row, destination);
        if (destination.Count > 0)
        {
            // The same row again and again: a copy whose source does not advance.
            ConvertRows(row, 0, destination);
        }
    }

    private void ConvertRows(Tensor source, int sourceStride, Tensor destination)
    {
        RowsParams parameters = new()
        {
            Source = source.Address,
            Destination = destination.Address,
            Count = destination.RowLength,
            SourceStride = sourceStride,
            DestinationStride = destination.RowStride,
            SourceType = KernelType(source.DType),
            DestinationType = KernelType(destination.DType),
        };
        Launch(
            Cached(ref rowsConvert, "rows", "rows_convert"), ElementsOfRows(destination.RowCount, destination.RowLength), ElementThreads, 0, in parameters);
    }
}
