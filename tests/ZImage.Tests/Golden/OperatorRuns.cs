using System.Text.Json;
using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Tests.Golden;

/// <summary>How each folder of golden/ops is run: the call on <see cref="IBackend"/> that its inputs and parameters stand for.</summary>
internal static class OperatorRuns
{
    /// <summary>By folder name.</summary>
    public static IReadOnlyDictionary<string, Action<OperatorCase>> All { get; } = new Dictionary<string, Action<OperatorCase>>
    {
        ["linear"] = Linear,
        ["attention"] = Attention,
        ["conv2d"] = Conv2d,
        ["rmsnorm"] = RmsNorm,
        ["residualnorm"] = ResidualNorm,
        ["layernorm"] = LayerNorm,
        ["groupnorm"] = GroupNorm,
        ["headnormrope"] = HeadNormRope,
        ["swiglu"] = run => Unary(run, "gate_up", run.Backend.SwiGlu),
        ["silu"] = run => Unary(run, "x", run.Backend.Silu),
        ["add"] = Add,
        ["modulation"] = Modulation,
        ["gather"] = Gather,
        ["timestepembedding"] = TimestepEmbedding,
        ["patchify"] = Patchify,
        ["unpatchify"] = Unpatchify,
        ["eulerstep"] = EulerStep,
        ["guidance"] = Guidance,
        ["blend"] = Blend,
        ["latentstochannelslast"] = LatentsToChannelsLast,
        ["channelslasttolatents"] = ChannelsLastToLatents,
        ["torgb8"] = ToRgb8,
        ["fromrgb8"] = FromRgb8,
    };

    private static void Unary(OperatorCase run, string input, Action<Tensor, Tensor> apply)
    {
        Tensor y = run.OutputLike("ref");
        apply(run.Activations(input), y);
        run.Check(y);
    }

    private static void Linear(OperatorCase run)
    {
        List<Tensor> parts = [];
        while (run.Host($"weight.{parts.Count}") is { IsEmpty: false } part)
        {
            parts.Add(part);
        }

        LinearWeight weight = run.Backend.PlaceLinear([.. parts], run.Host("bias"));
        Tensor y = run.OutputLike("ref");
        run.Backend.Linear(run.Activations("x"), weight, y);
        run.Check(y);
    }

    private static void Attention(OperatorCase run)
    {
        AttentionHeads heads = new(run.Integer("heads"), run.Integer("key_heads"), run.Integer("head_dim"), run.Flag("causal"));
        AttentionSpan[] spans = [.. run.Parameters.GetProperty("spans").EnumerateArray().Select(Span)];
        Tensor y = run.OutputLike("ref");
        run.Backend.Attention(run.Activations("q"), run.Activations("k"), run.Activations("v"), y, heads, spans);
        run.Check(y);

        static AttentionSpan Span(JsonElement span) => new(span[0].GetInt32(), span[1].GetInt32(), span[2].GetInt32(), span[3].GetInt32());
    }

    private static void Conv2d(OperatorCase run)
    {
        ConvMode mode = run.Parameters.GetProperty("mode").GetString() switch
        {
            "same" => ConvMode.Same,
            "upsample2" => ConvMode.Upsample2,
            "downsample2" => ConvMode.Downsample2,
            var other => throw new InvalidDataException($"No convolution mode '{other}'."),
        };
        ConvWeight weight = run.Backend.PlaceConv(run.Host("weight"), run.Host("bias"));
        Tensor y = run.OutputLike("ref");
        run.Backend.Conv2d(run.Activations("x"), weight, mode, run.Activations("residual"), y);
        run.Check(y);
    }

    private static void RmsNorm(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.RmsNorm(run.Activations("x"), run.Vector("weight"), run.Vector("scale"), run.Number("eps"), y);
        run.Check(y);
    }

    private static void ResidualNorm(OperatorCase run)
    {
        Tensor x = run.Activations("x");
        Tensor h = run.Golden.Has("ref.h") ? run.OutputLike("ref.h") : default;
        run.Backend.ResidualNorm(
            x, run.Activations("y"), run.Vector("weight"), run.Vector("gate"), run.Vector("next_weight"), run.Vector("next_scale"), run.Number("eps"), h);
        run.Check(x, "x");
        if (!h.IsEmpty)
        {
            run.Check(h, "h");
        }
    }

    private static void LayerNorm(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.LayerNorm(run.Activations("x"), run.Vector("scale"), run.Number("eps"), y);
        run.Check(y);
    }

    private static void GroupNorm(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.GroupNorm(
            run.Activations("x"), run.Vector("weight"), run.Vector("bias"), run.Integer("groups"), run.Number("eps"), run.Flag("silu"), y);
        run.Check(y);
    }

    private static void HeadNormRope(OperatorCase run)
    {
        RopeLayout layout = run.Parameters.GetProperty("layout").GetString() == "interleaved" ? RopeLayout.Interleaved : RopeLayout.HalfSplit;
        Tensor q = run.Activations("x"), k = run.Activations("x");
        run.Backend.HeadNormRope(q, k, run.Vector("weight"), run.Vector("weight"), run.Single("cos"), run.Single("sin"), layout, run.Number("eps"));
        run.Check(q);
        run.Check(k);
    }

    private static void Add(OperatorCase run)
    {
        Tensor x = run.Activations("x");
        run.Backend.Add(x, run.Activations("y"));
        run.Check(x);
    }

    private static void Modulation(OperatorCase run)
    {
        Tensor y = run.Output(DType.F32, run.Golden.Extents("ref"));
        run.Backend.Modulation(run.Activations("x"), run.Integer("width"), y);
        run.Check(y);
    }

    private static void Gather(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.Gather(run.Backend.PlaceTable(run.Host("table")), run.Golden.Integers("input.ids"), y);
        run.Check(y);
    }

    private static void TimestepEmbedding(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.TimestepEmbedding(run.Golden.Floats("input.times"), y);
        run.Check(y);
    }

    private static void Patchify(OperatorCase run)
    {
        Tensor tokens = run.OutputLike("ref");
        run.Backend.Patchify(run.Single("latents"), run.Integer("patch"), run.Integer("rows_per_item"), tokens);
        run.Check(tokens);
    }

    private static void Unpatchify(OperatorCase run)
    {
        Tensor latent = run.Output(DType.F32, run.Golden.Extents("ref"));
        run.Backend.Unpatchify(run.Activations("tokens"), run.Integer("patch"), latent);
        run.Check(latent);
    }

    private static void EulerStep(OperatorCase run)
    {
        Tensor latents = run.Single("latents");
        run.Backend.EulerStep(latents, run.Single("prediction"), run.Number("sigma"), run.Number("sigma_next"));
        run.Check(latents);
    }

    private static void Guidance(OperatorCase run)
    {
        Tensor positive = run.Single("positive");
        run.Backend.Guidance(positive, run.Single("negative"), run.Number("scale"), run.Number("normalization"));
        run.Check(positive);
    }

    private static void Blend(OperatorCase run)
    {
        Tensor y = run.Single("y");
        run.Backend.Blend(run.Number("a"), run.Single("x"), run.Number("b"), y);
        run.Check(y);
    }

    private static void LatentsToChannelsLast(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.LatentsToChannelsLast(run.Single("x"), run.Number("scale"), run.Number("shift"), y);
        run.Check(y);
    }

    private static void ChannelsLastToLatents(OperatorCase run)
    {
        Tensor y = run.Output(DType.F32, run.Golden.Extents("ref"));
        run.Backend.ChannelsLastToLatents(run.Activations("x"), run.Number("shift"), run.Number("scale"), y);
        run.Check(y);
    }

    private static void ToRgb8(OperatorCase run)
    {
        byte[] expected = run.Golden.Bytes("ref");
        byte[] rgb = new byte[expected.Length];
        run.Backend.ToRgb8(run.Activations("x"), rgb);
        Tolerance.Exact<byte>("torgb8 on " + run.Backend.Name, rgb, expected);
    }

    private static void FromRgb8(OperatorCase run)
    {
        Tensor y = run.OutputLike("ref");
        run.Backend.FromRgb8(run.Golden.Bytes("input.rgb"), y);
        run.Check(y);
    }
}
