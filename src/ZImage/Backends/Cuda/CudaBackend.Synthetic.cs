using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    // Below this the processor makes the values in less time than a launch is worth.
    private const long SmallSynthetic = 1 << 16;

    /// <summary>Makes a large tensor of a synthetic checkpoint where it belongs; the others are made on the processor and copied, as files are.</summary>
    /// <returns>False where the tensor comes from elsewhere, or is small.</returns>
    private bool TryGenerate(Tensor host, DType type, nint destination)
    {
        if (host.Storage is not SyntheticStorage synthetic || host.Count < SmallSynthetic || host.Bytes != synthetic.Bytes)
        {
            return false;
        }

        bool narrow = type == DType.BF16;
        long bytes = host.Bytes;
        Shape row = new(1, checked((int)host.Count));
        Tensor drawn = new(new DeviceAddress(narrow ? destination : Scratch(bytes), bytes), DType.BF16, row);
        SyntheticWeight(drawn, synthetic.Seed, synthetic.Scale, synthetic.Shift);
        if (!narrow)
        {
            CopyRows(drawn, new Tensor(new DeviceAddress(destination, host.Count * type.SizeBytes()), type, row));
        }

        return true;
    }

    /// <summary>Device memory by its address alone; somebody else owns it.</summary>
    private sealed class DeviceAddress(nint address, long bytes) : TensorStorage(address, bytes)
    {
        public override bool IsHost => false;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
