using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Dit;

/// <summary>
/// The S3-DiT (ZImageTransformer2DModel): a single-stream diffusion transformer over [image tokens, text tokens].
/// <code>
/// image -> all_x_embedder -> noise_refiner  --.
///                                             |-- layers -> all_final_layer -> image
/// text  -> cap_embedder   -> context_refiner -'
/// </code>
/// What does not depend on the step (text branch, rotary tables, modulations of the whole schedule) is computed once, by <see cref="Plan"/> and <see cref="SetPrompts"/>.
/// </summary>
internal sealed class ZImageTransformer
{
    private readonly IBackend backend;
    private readonly LinearWeight xEmbedder;
    private readonly Tensor capNorm;
    private readonly LinearWeight capLinear;
    private readonly Tensor xPadToken;
    private readonly Tensor capPadToken;
    private readonly TimestepEmbedder tEmbedder;
    private readonly TransformerBlock[] noiseRefiner;
    private readonly TransformerBlock[] contextRefiner;
    private readonly TransformerBlock[] layers;
    private readonly FinalLayer finalLayer;
    private readonly RopeEmbedder ropeEmbedder;

    /// <summary>Reads the weights.</summary>
    public ZImageTransformer(ZImageTransformerConfig config, WeightLoader weights, IBackend backend)
    {
        Config = config;
        this.backend = backend;
        int dim = config.Dim;
        xEmbedder = weights.Linear("all_x_embedder.2-1", dim, config.PatchDim, bias: true);
        capNorm = weights.Vector("cap_embedder.0.weight", config.TextDim);
        capLinear = weights.Linear("cap_embedder.1", dim, config.TextDim, bias: true);
        xPadToken = weights.Vector("x_pad_token", new Shape(1, dim));
        capPadToken = weights.Vector("cap_pad_token", new Shape(1, dim));
        tEmbedder = new TimestepEmbedder(config, weights, backend);
        noiseRefiner = Blocks("noise_refiner", config.RefinerLayerCount, true);
        contextRefiner = Blocks("context_refiner", config.RefinerLayerCount, false);
        layers = Blocks("layers", config.LayerCount, true);
        finalLayer = new FinalLayer("all_final_layer.2-1", config, weights, backend);
        ropeEmbedder = new RopeEmbedder(config.RopeTheta, config.AxesDims, config.AxesLens);
        for (int i = 0; i < config.AllPatchSize.Count; i++)
        {
            // Other patch sizes have an embedder and a final layer of their own, which the pipeline never asks for.
            (int patch, int frames) = (config.AllPatchSize[i], config.AllFramePatchSize[i]);
            if ((patch, frames) != (ZImageTransformerConfig.PatchSize, ZImageTransformerConfig.FramePatchSize))
            {
                weights.Ignore($"all_x_embedder.{patch}-{frames}.");
                weights.Ignore($"all_final_layer.{patch}-{frames}.");
            }
        }

        if (config.SiglipDim is not null)
        {
            // Omni checkpoints carry a picture branch that text-to-image never evaluates.
            weights.Ignore("siglip_");
        }

        TransformerBlock[] Blocks(string name, int count, bool modulation)
        {
            TransformerBlock[] blocks = new TransformerBlock[count];
            for (int i = 0; i < count; i++)
            {
                blocks[i] = new TransformerBlock($"{name}.{i}", config, modulation, weights, backend);
            }

            return blocks;
        }
    }

    /// <summary>Shape of the model.</summary>
    public ZImageTransformerConfig Config { get; }

    /// <summary>Does what the runs of one shape share: memory, rotary tables, and the modulations of the whole schedule.</summary>
    /// <param name="textTokens">Text tokens of each batch item, without padding.</param>
    /// <param name="latentHeight">Rows of the latents; a multiple of the patch size.</param>
    /// <param name="latentWidth">Columns of the latents.</param>
    /// <param name="times">The model time of every step of the schedule.</param>
    /// <param name="memory">Where activations live.</param>
    /// <param name="probe">Sees the intermediates.</param>
    public TransformerRun Plan(
        IReadOnlyList<int> textTokens, int latentHeight, int latentWidth, ReadOnlySpan<float> times, Workspace memory, ITensorProbe probe)
    {
        const int Patch = ZImageTransformerConfig.PatchSize;
        TokenLayout layout = new(latentHeight / Patch, latentWidth / Patch, textTokens);
        DType type = backend.ActivationType;
        Tensor temb = tEmbedder.Forward(times, memory);
        Record(probe, "t_embedder", temb);
        TransformerRun run = new()
        {
            Layout = layout,
            ImageRope = Rope(layout.ImageRows, layout.WriteImagePositions, memory),
            TextRope = Rope(layout.TextRows, layout.WriteTextPositions, memory),
            Rope = Rope(layout.Rows, layout.WritePositions, memory),
            RefinerModulations = [.. noiseRefiner.Select(block => block.Modulations(temb, memory))],
            LayerModulations = [.. layers.Select(block => block.Modulations(temb, memory))],
            FinalScales = finalLayer.Scales(temb, memory),
            Buffers = BlockBuffers.Rent(memory, type, layout.Rows, Config),
            Embeds = memory.Rent(type, textTokens.Max(), Config.TextDim),
            NormedEmbeds = memory.Rent(type, textTokens.Max(), Config.TextDim),
            Image = memory.Rent(type, layout.ImageRows, Config.Dim),
            Text = memory.Rent(type, layout.TextRows, Config.Dim),
            Unified = memory.Rent(type, layout.Rows, Config.Dim),
            Tokens = memory.Rent(type, layout.ImageRows, Config.PatchDim),
        };
        memory.Return(temb);
        return run;
    }

    /// <summary>Embeds and refines the text of a run, once for all its steps.</summary>
    /// <param name="run">What <see cref="Plan"/> gave.</param>
    /// <param name="promptEmbeds">Text-encoder output [tokens, TextDim] of each batch item, of the planned lengths.</param>
    /// <param name="probe">Sees the intermediates.</param>
    public void SetPrompts(TransformerRun run, IReadOnlyList<HostTensor> promptEmbeds, ITensorProbe probe)
    {
        TokenLayout layout = run.Layout;
        for (int i = 0; i < layout.Items; i++)
        {
            int tokens = promptEmbeds[i].Shape[0];
            int padding = layout.PaddedTextTokens(i) - tokens;
            Tensor normed = run.NormedEmbeds.Slice(0, tokens);
            backend.Upload(promptEmbeds[i].Values, run.Embeds.Slice(0, tokens));
            backend.RmsNorm(run.Embeds.Slice(0, tokens), capNorm, default, Config.NormEps, normed);
            backend.Linear(normed, capLinear, run.Text.Slice(layout.TextStart(i), tokens));
            if (padding > 0)
            {
                backend.FillRows(capPadToken, run.Text.Slice(layout.TextStart(i) + tokens, padding));
            }
        }

        Record(probe, "cap_embedder", run.Text);
        Tensor[] none = new Tensor[contextRefiner.Length];
        Stack(contextRefiner, none, 0, run.Text, run.TextRope, layout.TextSpans, layout.TextRows, run.Buffers, probe, CancellationToken.None);
    }

    /// <summary>One network evaluation.</summary>
    /// <param name="run">What <see cref="Plan"/> gave.</param>
    /// <param name="step">Index into the times given there.</param>
    /// <param name="latents">[items, channels, h, w] F32.</param>
    /// <param name="prediction">[items, channels, h, w] F32: the predicted velocity, from noise to picture.</param>
    /// <param name="probe">Sees the intermediates.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    public void Forward(TransformerRun run, int step, Tensor latents, Tensor prediction, ITensorProbe probe, CancellationToken cancellation)
    {
        TokenLayout layout = run.Layout;
        backend.Patchify(latents, ZImageTransformerConfig.PatchSize, layout.PaddedImageTokens, run.Tokens);
        backend.Linear(run.Tokens, xEmbedder, run.Image);
        FillPadding(run.Image, layout.PaddedImageTokens, layout.ImageTokens, layout.Items, xPadToken);
        Record(probe, "all_x_embedder.2-1", run.Image);
        Stack(noiseRefiner, run.RefinerModulations, step, run.Image, run.ImageRope, layout.ImageSpans, layout.ImageRows, run.Buffers, probe, cancellation);

        for (int i = 0; i < layout.Items; i++)
        {
            int start = layout.ItemStart(i);
            backend.CopyRows(run.Image.Slice(i * layout.PaddedImageTokens, layout.PaddedImageTokens), run.Unified.Slice(start, layout.PaddedImageTokens));
            backend.CopyRows(
                run.Text.Slice(layout.TextStart(i), layout.PaddedTextTokens(i)),
                run.Unified.Slice(start + layout.PaddedImageTokens, layout.PaddedTextTokens(i)));
        }

        // After the last attention only image rows matter; with one item they come first, so the rest of its last block runs on them alone.
        int wanted = layout.Items == 1 ? layout.PaddedImageTokens : layout.Rows;
        Stack(layers, run.LayerModulations, step, run.Unified, run.Rope, layout.Spans, wanted, run.Buffers, probe, cancellation);

        Tensor scale = run.FinalScales.Slice(step, 1);
        for (int i = 0; i < layout.Items; i++)
        {
            Tensor image = run.Unified.Slice(layout.ItemStart(i), layout.ImageTokens);
            Tensor patches = run.Tokens.Slice(0, layout.ImageTokens);
            finalLayer.Forward(image, scale, run.Buffers.H.Slice(0, layout.ImageTokens), patches);
            Record(probe, "all_final_layer.2-1", patches);
            Tensor item = prediction.Slice(i, 1);
            backend.Unpatchify(patches, ZImageTransformerConfig.PatchSize, item.Reshape(item.Shape[1], item.Shape[2], item.Shape[3]));
        }
    }

    private static void Record(ITensorProbe probe, string name, Tensor tensor)
    {
        if (probe.IsActive)
        {
            probe.Record(name, tensor);
        }
    }

    /// <summary>Runs blocks one after the other; only <paramref name="wantedRows"/> rows of the last one's output are computed.</summary>
    private static void Stack(
        TransformerBlock[] blocks,
        Tensor[] modulations,
        int step,
        Tensor x,
        RopeTables rope,
        AttentionSpan[] spans,
        int wantedRows,
        BlockBuffers buffers,
        ITensorProbe probe,
        CancellationToken cancellation)
    {
        int rows = x.Shape[0];
        Span<AttentionSpan> lastSpan = [new AttentionSpan(0, wantedRows, 0, rows)];
        for (int i = 0; i < blocks.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Tensor modulation = Row(modulations[i], step);
            if (i == 0)
            {
                blocks[i].NormIn(x, modulation, buffers.H.Slice(0, rows));
            }

            bool last = i == blocks.Length - 1;
            bool narrow = last && wantedRows < rows;
            blocks[i].Forward(
                x,
                modulation,
                rope,
                narrow ? lastSpan : spans,
                narrow ? wantedRows : rows,
                last ? null : blocks[i + 1],
                last ? default : Row(modulations[i + 1], step),
                buffers,
                probe);
        }

        static Tensor Row(Tensor modulation, int step) => modulation.IsEmpty ? default : modulation.Slice(step, 1);
    }

    private void FillPadding(Tensor rows, int stride, int used, int items, Tensor token)
    {
        for (int i = 0; i < items && used < stride; i++)
        {
            backend.FillRows(token, rows.Slice((i * stride) + used, stride - used));
        }
    }

    private RopeTables Rope(int rows, Action<PositionWriter> positions, Workspace memory)
    {
        int width = ropeEmbedder.Width;
        float[] cos = new float[rows * width];
        float[] sin = new float[rows * width];
        positions((row, t, r, c) => ropeEmbedder.Write(t, r, c, cos.AsSpan(row * width, width), sin.AsSpan(row * width, width)));
        RopeTables tables = new(memory.Rent(DType.F32, rows, width), memory.Rent(DType.F32, rows, width));
        backend.Upload(cos, tables.Cos);
        backend.Upload(sin, tables.Sin);
        return tables;
    }
}
