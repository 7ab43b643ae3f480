using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public unsafe void Conv2d(Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Shape w = weight.Weight.Shape;
        if (w.Rank != 4 || w[1] != w[2] || w[1] is not (1 or 3) || !weight.Weight.DType.IsWeightType() || !weight.Weight.IsDense || w[3] == 0
            || weight.Bias.DType != DType.F32 || weight.Bias.Count != w[0])
        {
            throw new ArgumentException($"A convolution has a weight [out, k, k, in] with k 1 or 3 and an F32 bias [out], not {weight.Weight} and {weight.Bias}.", nameof(weight));
        }

        if (mode != ConvMode.Same && weight.Kernel != 3)
        {
            throw new ArgumentException($"{mode} needs a 3x3 kernel, not {w}.", nameof(weight));
        }

        if (x.DType != DType.F32 || !x.IsDense || x.Shape.Rank != 4 || x.Shape[3] != weight.InChannels)
        {
            throw new ArgumentException($"A convolution {w} reads dense F32 [n, h, w, {weight.InChannels}], not {x}.", nameof(x));
        }

        (int n, int height, int width) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        if (mode == ConvMode.Downsample2 && ((height | width) & 1) != 0)
        {
            throw new ArgumentException($"{mode} needs an even height and width, not {x}.", nameof(x));
        }

        int outHeight = mode switch { ConvMode.Upsample2 => 2 * height, ConvMode.Downsample2 => height / 2, _ => height };
        int outWidth = mode switch { ConvMode.Upsample2 => 2 * width, ConvMode.Downsample2 => width / 2, _ => width };
        Shape expected = new(n, outHeight, outWidth, weight.OutChannels);
        if (y.DType != DType.F32 || !y.IsDense || y.Shape != expected)
        {
            throw new ArgumentException($"The convolution {mode} {w} of {x} gives dense F32 {expected}, not {y}.", nameof(y));
        }

        if (!residual.IsEmpty && (residual.DType != DType.F32 || !residual.IsDense || residual.Shape != expected))
        {
            throw new ArgumentException($"The residual of the convolution {mode} {w} is dense F32 {expected}, not {residual}.", nameof(residual));
        }

        int depth = weight.Kernel * weight.Kernel * weight.InChannels;
        WeightPart part = new(weight.Weight.Address, (nint)depth * weight.Weight.DType.SizeBytes(), weight.Weight.DType, weight.OutChannels);
        Patches source = new()
        {
            Address = x.Pointer<float>(),
            Height = height,
            Width = width,
            Channels = weight.InChannels,
            Kernel = weight.Kernel,
            OutHeight = outHeight,
            OutWidth = outWidth,
            Pad = mode == ConvMode.Downsample2 ? 0 : weight.Kernel / 2,
            Stride = mode == ConvMode.Downsample2 ? 2 : 1,
            Shift = mode == ConvMode.Upsample2 ? 1 : 0,
        };
        GemmCall call = new()
        {
            M = checked(n * outHeight * outWidth),
            N = weight.OutChannels,
            K = depth,
            Parts = &part,
            Bias = weight.Bias.Pointer<float>(),
            Residual = residual.IsEmpty ? null : residual.Pointer<float>(),
            Y = y.Pointer<float>(),
        };
        Gemm.Run(Vectors, pool, scratch, ref source, call);

        KeepAlive(x, residual, y);
        GC.KeepAlive(weight);
    }

    /// <summary>
    /// The rows of a convolution seen as a matrix product: row p holds the patch under output pixel p in the order (kernel row, kernel column,
    /// input channel), gathered when it is packed. The matrix itself never exists.
    /// </summary>
    private unsafe struct Patches : IRowSource
    {
        public float* Address;
        public int Height;
        public int Width;
        public int Channels;
        public int Kernel;
        public int OutHeight;
        public int OutWidth;
        public int Pad;
        public int Stride;

        /// <summary>1 where the input is enlarged by 2 first: pixel (y, x) of the enlarged picture is (y / 2, x / 2).</summary>
        public int Shift;

        public readonly void Copy(int row, int rows, int k, int depth, float* to)
        {
            // One run of channels under one kernel tap at a time, for all rows.
            for (int run; depth > 0; k += run, depth -= run, to += run)
            {
                int tap = k / Channels;
                int channel = k - (tap * Channels);
                run = Math.Min(Channels - channel, depth);
                CopyTap(row, rows, (tap / Kernel) - Pad, (tap % Kernel) - Pad, channel, run, to);
            }
        }

        private readonly void CopyTap(int row, int rows, int dy, int dx, int channel, int run, float* to)
        {
            int column = row % OutWidth;
            int line = row / OutWidth;
            int height = Height << Shift, width = Width << Shift;
            for (int end = row + rows; row < end; line++, column = 0)
            {
                int item = line / OutHeight;
                int y = ((line - (item * OutHeight)) * Stride) + dy;
                float* source = (uint)y < (uint)height ? Address + ((((long)item * Height) + (y >> Shift)) * Width * Channels) + channel : null;
                for (; column < OutWidth && row < end; column++, row++, to += GemmLayout.Stride)
                {
                    int x = (column * Stride) + dx;
                    if (source != null && (uint)x < (uint)width)
                    {
                        Packing.Copy(source + ((long)(x >> Shift) * Channels), run, to);
                    }
                    else
                    {
                        new Span<float>(to, run).Clear();
                    }
                }
            }
        }
    }
}
