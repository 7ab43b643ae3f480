using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void CopyRows(Tensor source, Tensor destination)
    {
        OperatorChecks.CopyRows(source, destination);
        ForRange(source.RowCount, source.RowLength, new CopyRowsKernel
        {
            Source = source.Pointer<byte>(),
            Destination = destination.Pointer<byte>(),
            SourceStride = (long)source.RowStride * source.DType.SizeBytes(),
            DestinationStride = (long)destination.RowStride * destination.DType.SizeBytes(),
            From = source.DType,
            To = destination.DType,
            Width = source.RowLength,
        });
        KeepAlive(source, destination);
    }

    /// <inheritdoc/>
    public void FillRows(Tensor row, Tensor destination)
    {
        OperatorChecks.FillRows(ActivationType, row, destination);

        // The same row again and again: a copy whose source does not advance.
        ForRange(destination.RowCount, destination.RowLength, new CopyRowsKernel
        {
            Source = row.Pointer<byte>(),
            Destination = destination.Pointer<byte>(),
            SourceStride = 0,
            DestinationStride = (long)destination.RowStride * sizeof(float),
            From = DType.F32,
            To = DType.F32,
            Width = destination.RowLength,
        });
        KeepAlive(row, destination);
    }

    private struct CopyRowsKernel : IRangeKernel
    {
        public byte* Source;
        public byte* Destination;
        public long SourceStride;
        public long DestinationStride;
        public DType From;
        public DType To;
        public int Width;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long row = begin; row < end; row++)
            {
                RowConversion.Copy(Source + (row * SourceStride), From, Destination + (row * DestinationStride), To, Width);
            }
        }
    }
}
