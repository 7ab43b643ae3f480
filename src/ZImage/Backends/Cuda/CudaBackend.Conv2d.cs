using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    private readonly CudaKernel[] convKernels = new CudaKernel[Enum.GetValues<ConvKernel>().Length];

    /// <summary>Which convolution kernels may be taken; ZIMAGE_CONV at the start.</summary>
    internal ConvPath ConvPath { get; set; } = ConvPlan.ParsePath(Environment.GetEnvironmentVariable("ZIMAGE_CONV"));

    /// <inheritdoc/>
    /// <remarks>
    /// On Hopper an enlarging convolution of a large map sums the taps that fall on one pixel beforehand and rounds the sums to bfloat16, which
    /// saves 5 of 9 multiplications for an error like that of rounding the output; ZIMAGE_CONV=unfolded keeps the nine taps.
    /// </remarks>
    public void Conv2d(Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y)
    {
        OperatorChecks.Conv2d(ActivationType, x, weight, mode, residual, y);
        if (weight.Weight.DType != ActivationType)
        {
            throw new ArgumentException($"The weight of a convolution has the type of the activations, {ActivationType}, as PlaceConv gives it, not {weight.Weight}.", nameof(weight));
        }

        if (y.Count == 0)
        {
            return;
        }

        ConvShape shape = new(x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], weight.OutChannels, weight.Kernel, mode);
        nint added = residual.IsEmpty ? 0 : residual.Address;
        bool aligned = ((x.Address | weight.Weight.Address | weight.Bias.Address | added | y.Address) & 15) == 0;
        ConvDevice limits = new(ComputeCapability, Multiprocessors, MaxSharedBytes);
        ConvKernel kernel = ConvPlan.Choose(ActivationType, shape, aligned, limits, ConvPath);
        (string family, string entry, int threads) = ConvPlan.Entry(kernel);
        ref CudaKernel loaded = ref convKernels[(int)kernel];
        if (!loaded.IsLoaded)
        {
            loaded = Kernel(family, entry, ConvPlan.SharedBytes(kernel));
        }

        if (kernel is ConvKernel.Sm90N128 or ConvKernel.Sm90N256)
        {
            LaunchConvSm90(loaded, kernel, shape, x.Address, weight, added, y.Address);
            return;
        }

        Conv2dParams parameters = new()
        {
            X = x.Address,
            Weight = weight.Weight.Address,
            Bias = weight.Bias.Address,
            Residual = added,
            Y = y.Address,
            Items = shape.Items,
            Height = shape.Height,
            Width = shape.Width,
            InChannels = shape.InChannels,
            OutHeight = shape.OutHeight,
            OutWidth = shape.OutWidth,
            OutChannels = shape.OutChannels,
            Kernel = shape.Kernel,
            Stride = shape.Stride,
            Pad = shape.Pad,
            Up = shape.Up,
        };
        int sharedBytes = kernel == ConvKernel.Few ? (int)shape.Depth * shape.OutChannels * sizeof(float) : ConvPlan.SharedBytes(kernel);
        Launch(loaded, ConvPlan.Grid(kernel, shape, limits), threads, sharedBytes, in parameters);
    }
}

/// <summary>Mirrors Conv2dParams of kernels/conv2d.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Conv2dParams
{
    public nint X;
    public nint Weight;
    public nint Bias;
    public nint Residual;
    public nint Y;
    public int Items;
    public int Height;
    public int Width;
    public int InChannels;
    public int OutHeight;
    public int OutWidth;
    public int OutChannels;
    public int Kernel;
    public int Stride;
    public int Pad;
    public int Up;
    public int Reserved;
}
