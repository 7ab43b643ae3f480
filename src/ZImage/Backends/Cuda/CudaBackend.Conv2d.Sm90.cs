using System.Runtime.InteropServices;
using ZImage.Native;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    private const int FoldedTaps = 16;

    private CudaKernel convFoldKernel;

    /// <summary>Launches a kernel of conv2d_sm90.cu; the operands fit it.</summary>
    private void LaunchConvSm90(CudaKernel kernel, ConvKernel choice, ConvShape shape, nint x, ConvWeight weight, nint residual, nint y)
    {
        bool folds = ConvPlan.Folds(choice, shape, ConvPath);
        nint taps = folds ? Fold(weight) : weight.Weight.Address;
        if (rehearsing)
        {
            return;
        }

        (int rows, int channels) = ConvPlan.Sm90Tile(choice);
        int stride = shape.Stride;
        Conv2dSm90Params parameters = new()
        {
            X = ConvMap(
                x,
                [(ulong)shape.InChannels, (ulong)shape.Width, (ulong)shape.Height, (ulong)shape.Items],
                [ConvPlan.Sm90Channels, (uint)(ConvPlan.Sm90Columns * stride), (uint)(rows * stride), 1],
                [1, (uint)stride, (uint)stride, 1]),
            Weight = ConvMap(
                taps,
                [(ulong)shape.InChannels, (ulong)(folds ? FoldedTaps : shape.Kernel * shape.Kernel), (ulong)shape.OutChannels],
                [ConvPlan.Sm90Channels, 1, (uint)channels],
                [1, 1, 1]),
            Bias = weight.Bias.Address,
            Residual = residual,
            Y = y,
            Items = shape.Items,
            OutHeight = shape.OutHeight,
            OutWidth = shape.OutWidth,
            OutChannels = shape.OutChannels,
            Kernel = folds ? 2 : shape.Kernel,
            ChannelBlocks = ConvPlan.Ceiling(shape.InChannels, ConvPlan.Sm90Channels),
            Stride = stride,
            Pad = shape.Pad,
            Up = shape.Up,
            TilesX = ConvPlan.Ceiling(shape.OutWidth >> shape.Up, ConvPlan.Sm90Columns),
            TilesY = ConvPlan.Ceiling(shape.OutHeight >> shape.Up, rows),
            TilesN = ConvPlan.Ceiling(shape.OutChannels, channels),
            Folded = folds ? 1 : 0,
        };
        int phases = shape.Up == 1 ? 4 : 1;
        long tiles = (long)shape.Items * parameters.TilesX * parameters.TilesY * parameters.TilesN * phases;

        // The blocks stay: each takes every n-th tile, and loads the next one's input while it stores.
        Launch(kernel, new CudaGrid((int)Math.Min(tiles, Multiprocessors)), ConvPlan.Entry(choice).Threads, ConvPlan.Sm90Bytes, in parameters);
    }

    /// <summary>
    /// Sums the taps of a 3x3 kernel to the 2x2 kernels of the four phases of an enlargement, into scratch memory: about 10 microseconds each
    /// time, against weights that would have to be kept and freed with the ones they come from.
    /// </summary>
    private nint Fold(ConvWeight weight)
    {
        long count = (long)weight.OutChannels * FoldedTaps * weight.InChannels;
        Conv2dFoldParams parameters = new()
        {
            Weight = weight.Weight.Address,
            Folded = Scratch(count * sizeof(ushort)),
            InChannels = weight.InChannels,
            OutChannels = weight.OutChannels,
        };
        if (!convFoldKernel.IsLoaded)
        {
            convFoldKernel = Kernel("conv2d_sm90", "conv2d_fold_bf16");
        }

        Launch(convFoldKernel, new CudaGrid(ConvPlan.Ceiling(count, 256)), 256, 0, in parameters);
        return parameters.Folded;
    }

    /// <summary>The map of a dense bfloat16 tensor, extents innermost first; of a box, every <paramref name="steps"/>-th element is taken.</summary>
    private unsafe CUtensorMap ConvMap(nint address, ReadOnlySpan<ulong> extents, ReadOnlySpan<uint> box, ReadOnlySpan<uint> steps)
    {
        ulong* strides = stackalloc ulong[extents.Length];
        ulong bytes = sizeof(ushort);
        for (int i = 0; i < extents.Length; i++)
        {
            strides[i] = bytes *= extents[i];
        }

        byte* room = stackalloc byte[sizeof(CUtensorMap) + CUtensorMap.Alignment];
        CUtensorMap* map = (CUtensorMap*)(((nuint)room + CUtensorMap.Alignment - 1) & ~(nuint)(CUtensorMap.Alignment - 1));
        fixed (ulong* extentValues = extents)
        fixed (uint* boxValues = box, stepValues = steps)
        {
            CudaErrors.Check(
                CudaDriver.cuTensorMapEncodeTiled(
                    map,
                    CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                    (uint)extents.Length,
                    (void*)address,
                    extentValues,
                    strides,
                    boxValues,
                    stepValues,
                    CUtensorMapInterleave.CU_TENSOR_MAP_INTERLEAVE_NONE,
                    CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_128B,
                    CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                    CUtensorMapFloatOOBfill.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                device.Title);
        }

        return *map;
    }
}

/// <summary>Mirrors Conv2dSm90Params of kernels/conv2d_sm90.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Conv2dSm90Params
{
    public CUtensorMap X;
    public CUtensorMap Weight;
    public nint Bias;
    public nint Residual;
    public nint Y;
    public int Items;
    public int OutHeight;
    public int OutWidth;
    public int OutChannels;
    public int Kernel;
    public int ChannelBlocks;
    public int Stride;
    public int Pad;
    public int Up;
    public int TilesX;
    public int TilesY;
    public int TilesN;
    public int Folded;
    public fixed int Reserved[13];
}

/// <summary>Mirrors Conv2dFoldParams of kernels/conv2d_sm90.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Conv2dFoldParams
{
    public nint Weight;
    public nint Folded;
    public int InChannels;
    public int OutChannels;
}
