using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>An operator on random shapes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Roundings">
/// How often a value is rounded to bfloat16 between input and output on a bfloat16 backend: once when it is stored, and once more where the
/// arithmetic says so (the probabilities of an attention, the bias of a product, a sum before its residual, taps that are folded into one). 0: the result is F32. -1: nothing is computed, or only what both round alike.
/// </param>
/// <param name="Run">Draws shapes and values, calls the operator, keeps its results.</param>
internal sealed record RandomOperator(string Name, int Roundings, Action<RandomRun> Run);

/// <summary>Every operator of <see cref="IBackend"/>.</summary>
internal static class RandomOperators
{
    private const int Exact = -1;

    /// <summary>Once each.</summary>
    public static IReadOnlyList<RandomOperator> All { get; } =
    [
        new("linear", 2, Linear),
        new("attention", 2, Attention),
        new("conv2d", 3, Conv2d),
        new("rmsnorm", 1, RmsNorm),
        new("residualnorm", 2, ResidualNorm),
        new("layernorm", 1, LayerNorm),
        new("groupnorm", 1, GroupNorm),
        new("headnormrope", 1, HeadNormRope),
        new("swiglu", 1, SwiGlu),
        new("silu", 1, Silu),
        new("add", 1, Add),
        new("modulation", 0, Modulation),
        new("gather", Exact, Gather),
        new("timestepembedding", 1, TimestepEmbedding),
        new("patchify", Exact, Patchify),
        new("unpatchify", Exact, Unpatchify),
        new("copyrows", Exact, CopyRows),
        new("fillrows", Exact, FillRows),
        new("eulerstep", 0, EulerStep),
        new("guidance", 0, Guidance),
        new("blend", 0, Blend),
        new("latentstochannelslast", 1, LatentsToChannelsLast),
        new("channelslasttolatents", 0, ChannelsLastToLatents),
        new("torgb8", Exact, ToRgb8),
        new("fromrgb8", 1, FromRgb8),
        new("isfinite", Exact, IsFinite),
    ];

    private static void Linear(RandomRun run)
    {
        int rows = run.Coin() ? 1 : run.Size(1, 70), inputs = run.Pick(8, 64, 57, 120, 3, 256), outputs = run.Size(1, 90);
        Tensor x = run.Rows(rows, inputs);
        DType type = run.Pick(DType.BF16, DType.BF16, DType.F32, DType.F16);
        Tensor[] parts = [.. Enumerable.Range(0, run.Number(1, 3)).Select(_ => run.Weight(type, outputs, inputs))];
        Tensor bias = run.Coin() ? run.Weight(DType.F32, outputs * parts.Length) : default;
        LinearWeight weight = run.Backend.PlaceLinear(parts, bias);
        Tensor y = run.Output(rows, outputs * parts.Length);
        run.Backend.Linear(x, weight, y);
        run.Keep(y);
    }

    private static void Attention(RandomRun run)
    {
        int keyHeads = run.Number(1, 3), heads = keyHeads * run.Number(1, 4), dim = run.Pick(40, 64, 96, 128, 128, 24, 36);
        bool causal = run.Coin();
        List<AttentionSpan> spans = [];
        int queryRows = run.Number(0, 3), keyRows = 0;
        for (int i = run.Number(1, 4); i > 0; i--)
        {
            int queries = run.Pick(run.Size(1, 80), run.Size(1, 80), 1, 64, 128), keys = causal ? queries : run.Size(1, 90);
            spans.Add(new AttentionSpan(queryRows, queries, keyRows, keys));

            // Rows between the items belong to nobody: they may not be read or written.
            queryRows += queries + run.Number(0, 2);
            keyRows += keys + run.Number(0, 2);
        }

        Tensor q = run.Rows(queryRows, heads * dim), k = run.Rows(keyRows, keyHeads * dim), v = run.Rows(keyRows, keyHeads * dim);
        Tensor y = run.Output(queryRows, heads * dim);
        run.Magnitude = 4;
        run.Backend.Attention(q, k, v, y, new AttentionHeads(heads, keyHeads, dim, causal), spans.ToArray());
        run.Keep(y);
    }

    private static void Conv2d(RandomRun run)
    {
        ConvMode mode = run.Pick(ConvMode.Same, ConvMode.Same, ConvMode.Upsample2, ConvMode.Downsample2);
        int kernel = mode == ConvMode.Same ? run.Pick(1, 3, 3) : 3;
        int inputs = run.Pick(3, 16, 32, 64, 7, 12, 40, 128), outputs = run.Pick(3, 8, 16, 32, 64, 11, 20, 128);
        int n = run.Number(1, 2), h = run.Size(1, 9), w = run.Size(1, 9);
        (h, w) = mode == ConvMode.Downsample2 ? (2 * h, 2 * w) : (h, w);
        (int oh, int ow) = mode switch
        {
            ConvMode.Upsample2 => (2 * h, 2 * w),
            ConvMode.Downsample2 => (h / 2, w / 2),
            _ => (h, w),
        };
        Tensor x = run.Input(n, h, w, inputs);
        ConvWeight weight = run.Backend.PlaceConv(run.Weight(run.Pick(DType.BF16, DType.F32), outputs, inputs, kernel, kernel), run.Weight(DType.F32, outputs));
        Tensor residual = run.Coin() ? run.Input(n, oh, ow, outputs) : default;
        Tensor y = residual.IsEmpty ? run.Output(n, oh, ow, outputs) : run.OutputOrSame(residual);
        run.Backend.Conv2d(x, weight, mode, residual, y);
        run.Keep(y);
    }

    private static void RmsNorm(RandomRun run)
    {
        int width = Width(run);
        Tensor x = run.Rows(run.Size(1, 60), width), y = run.OutputOrSame(x);
        run.Backend.RmsNorm(x, run.Vector(width), run.VectorOrNone(width), 1e-5f, y);
        run.Keep(y);
    }

    private static void ResidualNorm(RandomRun run)
    {
        int width = Width(run), rows = run.Size(1, 60);
        Tensor x = run.Input(rows, width), y = run.Input(rows, width);
        Tensor weight = run.VectorOrNone(width), gate = run.VectorOrNone(width);
        bool next = run.Coin();
        Tensor h = next ? run.OutputOrSame(y) : default;
        Tensor nextWeight = next ? run.Vector(width) : default, nextScale = next ? run.VectorOrNone(width) : default;
        run.Backend.ResidualNorm(x, y, weight, gate, nextWeight, nextScale, 1e-5f, h);
        run.Keep(x);
        if (next)
        {
            run.Keep(h);
        }
    }

    private static void LayerNorm(RandomRun run)
    {
        int width = Width(run);
        Tensor x = run.Rows(run.Size(1, 60), width), y = run.OutputOrSame(x);
        run.Backend.LayerNorm(x, run.Vector(width), 1e-6f, y);
        run.Keep(y);
    }

    private static void GroupNorm(RandomRun run)
    {
        int groups = run.Pick(1, 4, 8, 32), channels = groups * run.Pick(1, 2, 3, 4, 8);
        Tensor x = run.Input(run.Number(1, 2), run.Size(1, 12), run.Size(1, 12), channels), y = run.OutputOrSame(x);
        run.Backend.GroupNorm(x, run.Vector(channels), run.Vector(channels), groups, 1e-6f, run.Coin(), y);
        run.Keep(y);
    }

    private static void HeadNormRope(RandomRun run)
    {
        int dim = run.Pick(40, 64, 96, 128, 24, 36), heads = run.Number(1, 33), keyHeads = run.Number(1, 5), rows = run.Size(1, 60);
        Tensor q = run.Rows(run.Number(1, rows), heads * dim), k = run.Rows(rows, keyHeads * dim);
        Tensor qWeight = run.VectorOrNone(dim), kWeight = run.VectorOrNone(dim);
        run.Backend.HeadNormRope(
            q, k, qWeight, kWeight, run.Single(rows, dim / 2), run.Single(rows, dim / 2), run.Pick(RopeLayout.Interleaved, RopeLayout.HalfSplit), 1e-5f);
        run.Keep(q);
        run.Keep(k);
    }

    private static void SwiGlu(RandomRun run)
    {
        int rows = run.Size(1, 60), width = Width(run);
        Tensor y = run.Output(rows, width);
        run.Backend.SwiGlu(run.Input(rows, 2 * width), y);
        run.Keep(y);
    }

    private static void Silu(RandomRun run)
    {
        Tensor x = run.Input(run.Size(1, 20), run.Size(1, 20), run.Size(1, 20)), y = run.OutputOrSame(x);
        run.Backend.Silu(x, y);
        run.Keep(y);
    }

    private static void Add(RandomRun run)
    {
        int a = run.Size(1, 50), b = run.Size(1, 50);
        Tensor x = run.Input(a, b);
        run.Backend.Add(x, run.Input(a, b));
        run.Keep(x);
    }

    private static void Modulation(RandomRun run)
    {
        int rows = run.Size(1, 9), width = run.Size(1, 130), chunks = run.Number(1, 4);
        Tensor y = run.Output(DType.F32, rows, chunks * width);
        run.Backend.Modulation(run.Input(rows, chunks * width), width, y);
        run.Keep(y);
    }

    private static void Gather(RandomRun run)
    {
        int rows = run.Size(1, 100), width = Width(run);
        int[] ids = [.. Enumerable.Range(0, run.Size(1, 40)).Select(_ => run.Number(0, rows - 1))];
        Tensor table = run.Backend.PlaceTable(run.Weight(run.Pick(DType.BF16, DType.F16, DType.F32), rows, width)), y = run.Output(ids.Length, width);
        run.Backend.Gather(table, ids, y);
        run.Keep(y);
    }

    private static void TimestepEmbedding(RandomRun run)
    {
        float[] times = [.. Enumerable.Range(0, run.Number(1, 50)).Select(_ => 1000 * run.Number(0, 1000) / 1000f)];
        Tensor y = run.Output(times.Length, run.Size(2, 300));
        run.Backend.TimestepEmbedding(times, y);
        run.Keep(y);
    }

    private static void Patchify(RandomRun run)
    {
        int patch = run.Number(1, 3), h = run.Size(1, 9), w = run.Size(1, 9), n = run.Number(1, 3), channels = run.Pick(16, 4, 3);
        int rows = (h * w) + run.Number(0, 7);
        Tensor tokens = run.Output(n * rows, patch * patch * channels);
        run.Backend.Patchify(run.Single(n, channels, h * patch, w * patch), patch, rows, tokens);
        run.Keep(tokens);
    }

    private static void Unpatchify(RandomRun run)
    {
        int patch = run.Number(1, 3), h = run.Size(1, 9), w = run.Size(1, 9), channels = run.Pick(16, 4, 3);
        Tensor latent = run.Output(DType.F32, channels, h * patch, w * patch);
        run.Backend.Unpatchify(run.Input((h * w) + run.Number(0, 7), patch * patch * channels), patch, latent);
        run.Keep(latent);
    }

    private static void CopyRows(RandomRun run)
    {
        DType[] types = [DType.F32, DType.BF16, DType.F16];
        int rows = run.Size(1, 50), width = run.Size(1, 90);
        Tensor source = run.Typed(run.Pick(types), rows, width + 11).Columns(run.Pick(0, 8, 3), width);
        Tensor whole = run.Output(run.Pick(types), rows, width + 9);
        run.Backend.CopyRows(source, whole.Columns(run.Pick(0, 8, 5), width));

        // With the columns beside: nobody may write there.
        run.Keep(whole);
    }

    private static void FillRows(RandomRun run)
    {
        int rows = run.Size(1, 50), width = run.Size(1, 90);
        Tensor whole = run.Output(rows, width + 9);
        run.Backend.FillRows(run.Vector(width), whole.Columns(run.Pick(0, 8, 5), width));
        run.Keep(whole);
    }

    private static void EulerStep(RandomRun run)
    {
        int[] shape = [run.Number(1, 2), 16, run.Size(1, 20), run.Size(1, 20)];
        Tensor latents = run.Single(shape);
        run.Backend.EulerStep(latents, run.Single(shape), 0.75f, 0.6f);
        run.Keep(latents);
    }

    private static void Guidance(RandomRun run)
    {
        int[] shape = [16, run.Size(1, 20), run.Size(1, 20)];
        Tensor positive = run.Single(shape);
        run.Backend.Guidance(positive, run.Single(shape), run.Pick(0.5f, 4, 7), run.Pick(0f, 0.5f, 1, 9));
        run.Keep(positive);
    }

    private static void Blend(RandomRun run)
    {
        int[] shape = [run.Size(1, 20), run.Size(1, 40)];
        Tensor y = run.Single(shape);
        run.Backend.Blend(0.3f, run.Single(shape), 0.7f, y);
        run.Keep(y);
    }

    private static void LatentsToChannelsLast(RandomRun run)
    {
        int n = run.Number(1, 2), c = run.Pick(16, 4, 3), h = run.Size(1, 20), w = run.Size(1, 20);
        Tensor y = run.Output(n, h, w, c);
        run.Backend.LatentsToChannelsLast(run.Single(n, c, h, w), 2.77f, 0.1159f, y);
        run.Keep(y);
    }

    private static void ChannelsLastToLatents(RandomRun run)
    {
        int n = run.Number(1, 2), c = run.Pick(16, 4, 3), h = run.Size(1, 20), w = run.Size(1, 20);
        Tensor y = run.Output(DType.F32, n, c, h, w);
        run.Backend.ChannelsLastToLatents(run.Input(n, h, w, c * run.Number(1, 2)), -0.1159f, 0.3611f, y);
        run.Keep(y);
    }

    private static void ToRgb8(RandomRun run)
    {
        int h = run.Size(1, 30), w = run.Size(1, 30);
        byte[] rgb = new byte[h * w * 3];
        run.Backend.ToRgb8(run.Input(h, w, 3), rgb);
        run.Keep(rgb.Select(value => (float)value));
    }

    private static void FromRgb8(RandomRun run)
    {
        int h = run.Size(1, 30), w = run.Size(1, 30);
        byte[] rgb = [.. Enumerable.Range(0, h * w * 3).Select(_ => (byte)run.Number(0, 255))];
        Tensor y = run.Output(h, w, 3);
        run.Backend.FromRgb8(rgb, y);
        run.Keep(y);
    }

    private static void IsFinite(RandomRun run)
    {
        int rows = run.Size(1, 50), width = run.Size(1, 50);
        float[] values = run.Values([rows, width], 1);
        foreach (float odd in new[] { 0, float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            values[run.Number(0, values.Length - 1)] = odd;
            Tensor x = run.Input(rows, width);
            run.Backend.Upload(values, x);
            run.Keep([run.Backend.IsFinite(x) ? 1 : 0]);
            values = run.Values([rows, width], 1);
        }
    }

    /// <summary>Widths of whole vector accesses and others, short rows and long ones.</summary>
    private static int Width(RandomRun run) => run.Pick(8, 64, 120, 256, 1, 7, 33, 341, 1024, run.Number(1, 3000), 8 * run.Number(1, 480));
}
