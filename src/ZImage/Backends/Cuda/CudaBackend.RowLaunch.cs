using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <summary>The variant of an entry for the backend's activations, looked up once.</summary>
    /// <param name="kernel">Where it is kept.</param>
    /// <param name="family">File name without extension.</param>
    /// <param name="entry">Name without the type at its end.</param>
    private CudaKernel ForActivations(ref CudaKernel kernel, string family, string entry)
    {
        if (!kernel.IsLoaded)
        {
            kernel = Kernel(family, entry + (ActivationType == DType.BF16 ? "_bf16" : "_f32"));
        }

        return kernel;
    }

    /// <summary>An entry without variants, looked up once.</summary>
    private CudaKernel Cached(ref CudaKernel kernel, string family, string entry)
    {
        if (!kernel.IsLoaded)
        {
            kernel = Kernel(family, entry);
        }

        return kernel;
    }

    private static nint AddressOrNull(Tensor x) => x.IsEmpty ? 0 : x.Address;

    private static int StrideOrNone(Tensor x) => x.IsEmpty ? 0 : x.RowStride;

    /// <summary>Whether every row of a tensor starts at a multiple of 16 bytes; so does nothing.</summary>
    private static bool IsVectorAligned(Tensor x) =>
        x.IsEmpty || (x.Address % 16 == 0 && (x.RowCount <= 1 || (long)x.RowStride * x.DType.SizeBytes() % 16 == 0));
}
