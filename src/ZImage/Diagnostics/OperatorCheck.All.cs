using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Diagnostics;

internal sealed partial record OperatorCheck
{
    private const float Eps = 1e-5f;

    /// <summary>A check of every operator.</summary>
    public static IReadOnlyList<OperatorCheck> All { get; } =
    [
        new("Linear", OperatorPrecision.Activation, s => Linear(s, s.Strided(s.Pick(1, 150), 8 * s.Pick(1, 40)), bias: false)),
        new("Linear, bias", OperatorPrecision.Activation, s => Linear(s, s.Activations(s.Pick(1, 150), 8 * s.Pick(1, 40)), bias: true)),
        new("Attention", OperatorPrecision.Activation, s => Attention(s, s.OneOf(64, 128), keyHeads: 0, causal: false)),
        new("Attention, causal", OperatorPrecision.Activation, s => Attention(s, s.OneOf(32, 128), keyHeads: s.Pick(1, 2), causal: true)),
        new("Attention, wide head", OperatorPrecision.Activation, s => Attention(s, s.OneOf(256, 512), keyHeads: 0, causal: false)),
        new("Conv2d 1x1", OperatorPrecision.Activation, s => Conv2d(s, 1, ConvMode.Same, 1)),
        new("Conv2d 3x3", OperatorPrecision.Activation, s => Conv2d(s, 3, ConvMode.Same, 1)),
        new("Conv2d upsample", OperatorPrecision.Activation, s => Conv2d(s, 3, ConvMode.Upsample2, 1)),
        new("Conv2d downsample", OperatorPrecision.Activation, s => Conv2d(s, 3, ConvMode.Downsample2, 2)),
        new("RmsNorm", OperatorPrecision.Activation, s => RowNorm(s, (x, weight, scale, y) => s.Backend.RmsNorm(x, weight, scale, Eps, y))),
        new("LayerNorm", OperatorPrecision.Activation, s => RowNorm(s, (x, _, scale, y) => s.Backend.LayerNorm(x, scale, Eps, y))),
        new("ResidualNorm", OperatorPrecision.Activation, ResidualNorm),
        new("GroupNorm", OperatorPrecision.Activation, GroupNorm),
        new("HeadNormRope, interleaved", OperatorPrecision.Activation, s => HeadNormRope(s, RopeLayout.Interleaved)),
        new("HeadNormRope, half split", OperatorPrecision.Activation, s => HeadNormRope(s, RopeLayout.HalfSplit)),
        new("SwiGlu", OperatorPrecision.Activation, SwiGlu),
        new("Silu", OperatorPrecision.Activation, s => Map(s, (x, y) => s.Backend.Silu(x, y))),
        new("Add", OperatorPrecision.Activation, s => Map(s, (x, y) => s.Backend.Add(y, x))),
        new("Modulation", OperatorPrecision.Float32, Modulation),
        new("Gather", OperatorPrecision.Exact, Gather),
        new("TimestepEmbedding", OperatorPrecision.Activation, TimestepEmbedding),
        new("Patchify", OperatorPrecision.Exact, Patchify),
        new("Unpatchify", OperatorPrecision.Exact, Unpatchify),
        new("CopyRows", OperatorPrecision.Exact, CopyRows),
        new("FillRows", OperatorPrecision.Exact, FillRows),
        new("EulerStep", OperatorPrecision.Float32, s => MapFloats(s, (x, y) => s.Backend.EulerStep(y, x, 0.75f, 0.5f))),
        new("Guidance", OperatorPrecision.Float32, s => MapFloats(s, (x, y) => s.Backend.Guidance(y, x, 3.5f, 0.8f))),
        new("Blend", OperatorPrecision.Float32, s => MapFloats(s, (x, y) => s.Backend.Blend(0.3f, x, 0.7f, y))),
        new("LatentsToChannelsLast", OperatorPrecision.Activation, LatentsToChannelsLast),
        new("ChannelsLastToLatents", OperatorPrecision.Float32, ChannelsLastToLatents),
        new("ToRgb8", OperatorPrecision.Exact, ToRgb8),
        new("FromRgb8", OperatorPrecision.Activation, FromRgb8),
    ];

    private static void Linear(OperatorScene s, Tensor x, bool bias)
    {
        LinearWeight weight = s.Linear(x.RowLength, bias, 8 * s.Pick(1, 30), 8 * s.Pick(1, 30));
        Tensor y = s.Result(x.RowCount, weight.OutFeatures);
        s.Backend.Linear(x, weight, y);
        s.Keep(y);
    }

    private static void Attention(OperatorScene s, int headDim, int keyHeads, bool causal)
    {
        int keys = keyHeads == 0 ? s.Pick(1, headDim > 128 ? 1 : 3) : keyHeads;
        int heads = keyHeads == 0 ? keys : keys * s.Pick(1, 3);
        int first = s.Pick(1, 200), second = s.Pick(1, 100);
        Tensor q = s.Strided(first + second, heads * headDim);
        Tensor k = s.Strided(first + second, keys * headDim);
        Tensor v = s.Strided(first + second, keys * headDim);
        Tensor y = s.Result(first + second, heads * headDim);
        s.Backend.Attention(q, k, v, y, new AttentionHeads(heads, keys, headDim, causal), [new AttentionSpan(0, first), new AttentionSpan(first, second)]);
        s.Keep(y);
    }

    private static void Conv2d(OperatorScene s, int kernel, ConvMode mode, int multiple)
    {
        (int height, int width, int inputs, int outputs) = (multiple * s.Pick(1, 20), multiple * s.Pick(1, 20), s.OneOf(3, 16, 32, 64), s.OneOf(3, 16, 64));
        (int toHeight, int toWidth) = mode switch
        {
            ConvMode.Upsample2 => (2 * height, 2 * width),
            ConvMode.Downsample2 => (height / 2, width / 2),
            _ => (height, width),
        };
        Tensor x = s.Activations(1, height, width, inputs);
        ConvWeight weight = s.Conv(outputs, inputs, kernel);
        Tensor residual = s.Pick(0, 1) == 0 ? default : s.Activations(1, toHeight, toWidth, outputs);
        Tensor y = s.Result(1, toHeight, toWidth, outputs);
        s.Backend.Conv2d(x, weight, mode, residual, y);
        s.Keep(y);
    }

    private static void RowNorm(OperatorScene s, Action<Tensor, Tensor, Tensor, Tensor> run)
    {
        (int rows, int width) = (s.Pick(1, 70), 8 * s.Pick(1, 500));
        Tensor x = s.Activations(rows, width);
        Tensor y = s.Result(rows, width);
        run(x, s.Floats(0.1f, 1, width), s.Floats(0.1f, 1, width), y);
        s.Keep(y);
    }

    private static void ResidualNorm(OperatorScene s)
    {
        (int rows, int width) = (s.Pick(1, 70), 8 * s.Pick(1, 500));
        Tensor x = s.Activations(rows, width);
        Tensor y = s.Activations(rows, width);
        Tensor h = s.Result(rows, width);
        Tensor weight = s.Floats(0.1f, 1, width), gate = s.Floats(0.3f, 0, width), next = s.Floats(0.1f, 1, width), scale = s.Floats(0.1f, 1, width);
        s.Backend.ResidualNorm(x, y, weight, gate, next, scale, Eps, h);
        s.Keep(x);
        s.Keep(h);
    }

    private static void GroupNorm(OperatorScene s)
    {
        int groups = s.OneOf(8, 16, 32), channels = groups * s.OneOf(2, 4, 8);
        Tensor x = s.Activations(1, s.Pick(1, 40), s.Pick(1, 40), channels);
        Tensor y = s.Result(1, x.Shape[1], x.Shape[2], channels);
        s.Backend.GroupNorm(x, s.Floats(0.1f, 1, channels), s.Floats(0.1f, 0, channels), groups, 1e-6f, silu: s.Pick(0, 1) == 1, y);
        s.Keep(y);
    }

    private static void HeadNormRope(OperatorScene s, RopeLayout layout)
    {
        (int rows, int heads, int keyHeads, int headDim) = (s.Pick(1, 70), s.Pick(1, 5), s.Pick(1, 5), s.OneOf(32, 64, 128));
        Tensor q = s.Strided(s.Pick(1, rows), heads * headDim), k = s.Strided(rows, keyHeads * headDim);
        s.Backend.HeadNormRope(
            q, k, s.Floats(0.1f, 1, headDim), s.Floats(0.1f, 1, headDim), s.Floats(1, 0, rows, headDim / 2), s.Floats(1, 0, rows, headDim / 2), layout, Eps);
        s.Keep(q);
        s.Keep(k);
    }

    private static void SwiGlu(OperatorScene s)
    {
        (int rows, int width) = (s.Pick(1, 70), 8 * s.Pick(1, 300));
        Tensor x = s.Activations(rows, 2 * width);
        Tensor y = s.Result(rows, width);
        s.Backend.SwiGlu(x, y);
        s.Keep(y);
    }

    private static void Map(OperatorScene s, Action<Tensor, Tensor> run)
    {
        (int rows, int width) = (s.Pick(1, 70), s.Pick(1, 300));
        Tensor x = s.Activations(rows, width);
        Tensor y = s.Activations(rows, width);
        run(x, y);
        s.Keep(y);
    }

    private static void MapFloats(OperatorScene s, Action<Tensor, Tensor> run)
    {
        int height = s.Pick(1, 50), width = s.Pick(1, 50);
        Tensor x = s.Floats(1, 0, 1, 16, height, width);
        Tensor y = s.Floats(1, 0, 1, 16, height, width);
        run(x, y);
        s.Keep(y);
    }

    private static void Modulation(OperatorScene s)
    {
        (int rows, int width) = (s.Pick(1, 9), 8 * s.Pick(1, 100));
        Tensor x = s.Activations(rows, 4 * width);
        Tensor y = s.FloatResult(rows, 4 * width);
        s.Backend.Modulation(x, width, y);
        s.Keep(y);
    }

    private static void Gather(OperatorScene s)
    {
        (int rows, int width) = (s.Pick(2, 90), 8 * s.Pick(1, 100));
        Tensor table = s.Table(rows, width);
        int[] ids = new int[s.Pick(1, 40)];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = s.Pick(0, rows - 1);
        }

        Tensor y = s.Result(ids.Length, width);
        s.Backend.Gather(table, ids, y);
        s.Keep(y);
    }

    private static void TimestepEmbedding(OperatorScene s)
    {
        float[] times = s.Numbers(s.Pick(1, 9), 20, 50);
        Tensor y = s.Result(times.Length, 256);
        s.Backend.TimestepEmbedding(times, y);
        s.Keep(y);
    }

    private static void Patchify(OperatorScene s)
    {
        (int items, int height, int width) = (s.Pick(1, 3), 2 * s.Pick(1, 20), 2 * s.Pick(1, 20));
        int rows = (height * width / 4) + s.Pick(0, 31);
        Tensor y = s.Result(items * rows, 64);
        s.Backend.Patchify(s.Floats(1, 0, items, 16, height, width), 2, rows, y);
        s.Keep(y);
    }

    private static void Unpatchify(OperatorScene s)
    {
        (int height, int width) = (2 * s.Pick(1, 20), 2 * s.Pick(1, 20));
        Tensor y = s.FloatResult(16, height, width);
        s.Backend.Unpatchify(s.Activations(height * width / 4, 64), 2, y);
        s.Keep(y);
    }

    private static void CopyRows(OperatorScene s)
    {
        (int rows, int width) = (s.Pick(1, 70), 8 * s.Pick(1, 100));
        Tensor y = s.FloatResult(rows, width);
        s.Backend.CopyRows(s.Strided(rows, width), y);
        s.Keep(y);
    }

    private static void FillRows(OperatorScene s)
    {
        (int rows, int width) = (s.Pick(1, 70), 8 * s.Pick(1, 100));
        Tensor y = s.Result(rows, width);
        s.Backend.FillRows(s.Floats(1, 0, width), y);
        s.Keep(y);
    }

    private static void LatentsToChannelsLast(OperatorScene s)
    {
        (int height, int width) = (s.Pick(1, 40), s.Pick(1, 40));
        Tensor y = s.Result(1, height, width, 16);
        s.Backend.LatentsToChannelsLast(s.Floats(1, 0, 1, 16, height, width), 2.77f, 0.1159f, y);
        s.Keep(y);
    }

    private static void ChannelsLastToLatents(OperatorScene s)
    {
        (int height, int width) = (s.Pick(1, 40), s.Pick(1, 40));
        Tensor y = s.FloatResult(1, 16, height, width);
        s.Backend.ChannelsLastToLatents(s.Activations(1, height, width, 32), -0.1159f, 0.3611f, y);
        s.Keep(y);
    }

    private static void ToRgb8(OperatorScene s)
    {
        Tensor x = s.Activations(s.Pick(1, 40), s.Pick(1, 40), 3);
        byte[] rgb = new byte[x.Count];
        s.Backend.ToRgb8(x, rgb);
        s.Keep([.. rgb.Select(value => (float)value)]);
    }

    private static void FromRgb8(OperatorScene s)
    {
        (int height, int width) = (s.Pick(1, 40), s.Pick(1, 40));
        byte[] rgb = new byte[height * width * 3];
        for (int i = 0; i < rgb.Length; i++)
        {
            rgb[i] = (byte)s.Pick(0, 255);
        }

        Tensor y = s.Result(height, width, 3);
        s.Backend.FromRgb8(rgb, y);
        s.Keep(y);
    }
}
