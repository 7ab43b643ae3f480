using ZImage.Backends;
using ZImage.Dit;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>What decides the shape of a stretch of steps: two runs with equal keys differ in prompts and noise only.</summary>
/// <param name="Images">Pictures drawn together.</param>
/// <param name="Height">Rows of the latents.</param>
/// <param name="Width">Columns of the latents.</param>
/// <param name="TextTokens">Text tokens of each batch item: one item a picture, or two with guidance, the positive ones first.</param>
/// <param name="Sigmas">Noise levels before each step and after the last.</param>
/// <param name="Times">The transformer's time at each step.</param>
/// <param name="Guidance">Guidance scale; 0 in a stretch without guidance.</param>
/// <param name="Normalization">Bound of the guided norm.</param>
internal sealed record SessionKey(
    int Images, int Height, int Width, int[] TextTokens, float[] Sigmas, float[] Times, float Guidance, float Normalization)
{
    public bool Equals(SessionKey? other) =>
        other is not null && Images == other.Images && Height == other.Height && Width == other.Width
        && Guidance == other.Guidance && Normalization == other.Normalization
        && TextTokens.AsSpan().SequenceEqual(other.TextTokens) && Sigmas.AsSpan().SequenceEqual(other.Sigmas) && Times.AsSpan().SequenceEqual(other.Times);

    public override int GetHashCode() => HashCode.Combine(Images, Height, Width, TextTokens.Length, Times.Length, Guidance);
}

/// <summary>
/// Memory at stable addresses, rotary tables, modulations and one recording per step, for a stretch of steps of one shape. The next run of the same
/// shape uses it again: only prompts and noise are new.
/// </summary>
internal sealed class DenoisingSession : IDisposable
{
    private readonly LoadedModel model;
    private readonly Workspace memory;
    private readonly TransformerRun run;
    private readonly Tensor latents;
    private readonly Tensor input;
    private readonly Tensor prediction;
    private readonly IRecordedWork[] steps;
    private readonly string[] stepNames;
    private CancellationToken cancellation;

    public DenoisingSession(SessionKey key, LoadedModel model)
    {
        Key = key;
        this.model = model;
        memory = new Workspace(model.Backend);
        try
        {
            int items = key.TextTokens.Length;
            int channels = model.Folder.Transformer.InChannels;
            latents = memory.Rent(DType.F32, key.Images, channels, key.Height, key.Width);
            input = items == key.Images ? latents : memory.Rent(DType.F32, items, channels, key.Height, key.Width);
            prediction = memory.Rent(DType.F32, items, channels, key.Height, key.Width);
            run = model.WithProbe("transformer.plan", probe =>
                model.Transformer.Model.Plan(key.TextTokens, key.Height, key.Width, key.Times, memory, probe));
            steps = new IRecordedWork[key.Times.Length];
            stepNames = [.. Enumerable.Range(1, steps.Length).Select(step => $"step {step}")];
            for (int i = 0; i < steps.Length; i++)
            {
                int step = i;
                steps[i] = model.Backend.Record(() => Step(step, NullProbe.Instance));
            }
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>The shape.</summary>
    public SessionKey Key { get; }

    /// <summary>Latents [images, channels, h, w] F32: set before the first step, read after the last.</summary>
    public Tensor Latents => latents;

    /// <summary>Refines the text of a run.</summary>
    /// <param name="embeds">Text-encoder output [tokens, width] of each batch item.</param>
    public void SetPrompts(IReadOnlyList<HostTensor> embeds)
    {
        using BackendRange range = model.Backend.Range("text branch");
        model.WithProbe("transformer.text", probe =>
        {
            model.Transformer.Model.SetPrompts(run, embeds, probe);
            return true;
        });
    }

    /// <summary>One step: network evaluation, guidance, Euler.</summary>
    /// <param name="index">Step of this stretch.</param>
    /// <param name="probeName">Stage name for the probe.</param>
    /// <param name="token">Looked at between blocks where operators run in their call.</param>
    public void Run(int index, string probeName, CancellationToken token)
    {
        cancellation = token;
        using BackendRange range = model.Backend.Range(stepNames[index]);
        if (model.HasProbe)
        {
            RunObserved(index, probeName);
        }
        else
        {
            steps[index].Replay();
        }
    }

    public void Dispose()
    {
        foreach (IRecordedWork step in steps)
        {
            step.Dispose();
        }

        memory.Dispose();
    }

    // Apart from Run, because a lambda that captures a parameter allocates as its method begins, on whichever path.
    private void RunObserved(int index, string probeName) =>
        model.WithProbe(probeName, probe =>
        {
            Step(index, probe);
            return true;
        });

    private void Step(int index, ITensorProbe probe)
    {
        IBackend backend = model.Backend;
        int images = Key.Images;
        bool guided = !ReferenceEquals(input.Storage, latents.Storage);
        if (guided)
        {
            Tensor rows = latents.Reshape(latents.RowCount, latents.RowLength);
            Tensor copies = input.Reshape(input.RowCount, input.RowLength);
            backend.CopyRows(rows, copies.Slice(0, rows.Shape[0]));
            backend.CopyRows(rows, copies.Slice(rows.Shape[0], rows.Shape[0]));
        }

        model.Transformer.Model.Forward(run, index, input, prediction, probe, cancellation);
        for (int i = 0; guided && i < images; i++)
        {
            backend.Guidance(prediction.Slice(i, 1), prediction.Slice(images + i, 1), Key.Guidance, Key.Normalization);
        }

        backend.EulerStep(latents, prediction.Slice(0, images), Key.Sigmas[index], Key.Sigmas[index + 1]);
        if (probe.IsActive)
        {
            probe.Record("latents", latents);
        }
    }
}
