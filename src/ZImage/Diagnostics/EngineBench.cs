using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Generation;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Diagnostics;

/// <summary>Measures the stages of a loaded model, and the ceilings of the device that it is on. Runs on the engine's thread.</summary>
/// <param name="model">The model.</param>
/// <param name="backend">The backend that computes, without anything in front of it.</param>
/// <param name="measurements">Takes the results.</param>
internal sealed class EngineBench(LoadedModel model, IBackend backend, Measurements measurements)
{
    /// <summary>Text tokens of the runs.</summary>
    public const int TextTokens = 64;

    /// <summary>Denoising steps of the runs.</summary>
    public const int Steps = 8;

    private float[] noise = [];

    /// <summary>Ids that look like a prompt's and are the same in golden/time_reference.py.</summary>
    /// <param name="count">How many.</param>
    /// <param name="vocabulary">Ids stay below it.</param>
    /// <param name="first">Changes the first id, so that a cache of prompts does not know them.</param>
    public static int[] Ids(int count, int vocabulary, int first = 0) => [.. Enumerable.Range(0, count).Select(i => ((i * 7919) + 13 + (i == 0 ? first : 0)) % vocabulary)];

    /// <summary>A large copy and a large product: what the device itself can do.</summary>
    public void Ceilings()
    {
        bool gpu = backend is CudaBackend;
        int rows = (gpu ? 1 << 30 : 1 << 28) / ((1 << 14) * backend.ActivationType.SizeBytes());
        using IDisposable placement = backend.BeginPlacement();
        using (Workspace memory = new(backend))
        {
            Tensor from = memory.Rent(backend.ActivationType, rows, 1 << 14);
            Tensor to = memory.Rent(backend.ActivationType, rows, 1 << 14);
            backend.FillRows(backend.PlaceVector(new Tensor(new SyntheticStorage("bench.row", new Shape(1 << 14), 0), DType.BF16, new Shape(1 << 14))), from);
            measurements.Rate("device_copy", $"{from.Bytes >> 20} MiB", "GB/s", 2e-9 * from.Bytes, backend, () => Copy(from, to), gpu ? 4 : 1);
        }

        int n = gpu ? 8192 : 1024;
        using Workspace matrices = new(backend);
        Shape shape = new(n, n);
        LinearWeight weight = backend.PlaceLinear([new Tensor(new SyntheticStorage("bench.weight", shape, 0), DType.BF16, shape)]);
        Tensor table = backend.PlaceTable(new Tensor(new SyntheticStorage("bench.x", shape, 0), DType.BF16, shape));
        Tensor x = matrices.Rent(backend.ActivationType, n, n);
        Tensor y = matrices.Rent(backend.ActivationType, n, n);
        backend.Gather(table, [.. Enumerable.Range(0, n)], x);
        measurements.Rate("matmul", $"{n}^3", "TFLOP/s", 2e-12 * n * n * n, backend, () => backend.Linear(x, weight, y), gpu ? 4 : 1);

        void Copy(Tensor from, Tensor to)
        {
            if (backend is CudaBackend cuda)
            {
                cuda.CopyByDriver(from, to);
            }
            else
            {
                backend.CopyRows(from, to);
            }
        }
    }

    /// <summary>The text encoder on a prompt of <paramref name="tokens"/> tokens.</summary>
    public void TextEncoder(int tokens)
    {
        using Workspace memory = new(model.Backend);
        int[] ids = Ids(tokens, model.Folder.TextEncoder.VocabSize);
        measurements.Time("text_encoder", $"{tokens} tokens", model.Backend, () =>
            memory.Return(model.UseTextEncoder().Forward([ids], memory, NullProbe.Instance, CancellationToken.None)));
    }

    /// <summary>One network evaluation (with its Euler step), and eight of them.</summary>
    public void Denoising(BenchSize size)
    {
        DenoisingSession session = Session(size);
        measurements.Time("forward", $"{size}", model.Backend, () => session.Run(0, "", CancellationToken.None), warm: 2);
        measurements.Time($"evaluations_{Steps}", $"{size}", model.Backend, () => Evaluate(session));
    }

    /// <summary>Latents to pixels on the device.</summary>
    public void Decoder(BenchSize size)
    {
        using Workspace memory = new(model.Backend);
        Tensor latents = OneLatent(size, memory);
        model.Backend.Upload(Noise(latents.Shape), latents);
        measurements.Time("vae_decode", $"{size with { Images = 1 }}", model.Backend, () => Decode(latents, memory));
    }

    /// <summary>One evaluation and one decoding, for a profile of operators.</summary>
    /// <param name="size">The pictures; the first is decoded.</param>
    /// <param name="ready">Called between the preparations and the two.</param>
    public void OneOfEach(BenchSize size, Action? ready = null)
    {
        using Workspace memory = new(model.Backend);
        Tensor latents = OneLatent(size, memory);
        DenoisingSession session = Session(size);
        ready?.Invoke();
        session.Run(0, "", CancellationToken.None);
        model.Backend.CopyRows(Rows(session.Latents.Slice(0, 1)), Rows(latents));
        Decode(latents, memory);
        model.Backend.Synchronize();
    }

    /// <summary>The transformer's weights from their source to the device.</summary>
    public void Placement()
    {
        model.ReleaseSession();
        measurements.Time("place_transformer", $"{model.Transformer.Bytes / 1e9:F2} GB", model.Backend, () =>
        {
            model.Transformer.Release();
            _ = model.Transformer.Model;
        });
    }

    /// <summary>The most device memory held in a run, with the text encoder on the device all the time, and without it while denoising.</summary>
    public void PeakMemory(BenchSize size)
    {
        if (backend is not CudaBackend cuda)
        {
            return;
        }

        foreach (bool resident in (ReadOnlySpan<bool>)[true, false])
        {
            model.ReleaseSession();
            _ = resident ? model.UseTextEncoder() : null;
            if (!resident)
            {
                model.TextEncoder.Release();
            }

            cuda.Memory.ResetPeak();
            OneOfEach(size);
            measurements.Add(resident ? "peak_memory" : "peak_memory_low", $"{size}", "GB", cuda.Memory.PeakBytes / 1e9);
        }
    }

    private static float[] Noise(Shape shape)
    {
        float[] values = new float[shape.Count];
        new TorchCudaGenerator(42).Normal(values);
        return values;
    }

    private static Tensor Rows(Tensor tensor) => tensor.Reshape(tensor.RowCount, tensor.RowLength);

    private Tensor OneLatent(BenchSize size, Workspace memory)
    {
        int factor = model.Folder.Vae.ScaleFactor;
        return memory.Rent(DType.F32, 1, model.Folder.Vae.LatentChannels, size.Height / factor, size.Width / factor);
    }

    private DenoisingSession Session(BenchSize size)
    {
        int factor = model.Folder.Vae.ScaleFactor;
        GenerationRequest request = new([""]) { Width = size.Width, Height = size.Height, Steps = Steps, Guidance = 0, ImagesPerPrompt = size.Images };
        GenerationPlan plan = new(request, model);
        NoiseSchedule schedule = plan.Schedule();
        float[] times = [.. Enumerable.Range(0, schedule.Steps).Select(schedule.ModelTime)];
        int[] tokens = [.. Enumerable.Repeat(TextTokens, size.Images)];
        DenoisingSession session = model.Session(
            new SessionKey(size.Images, size.Height / factor, size.Width / factor, tokens, [.. schedule.Sigmas], times, 0, 0), model.Memory(plan).TransformerBytes);
        Shape embeds = new(TextTokens, model.Folder.Transformer.TextDim);
        HostTensor prompt = new(Noise(embeds), embeds);
        session.SetPrompts([.. Enumerable.Repeat(prompt, size.Images)]);
        Reset(session);
        return session;
    }

    private void Reset(DenoisingSession session)
    {
        if (noise.Length != session.Latents.Count)
        {
            noise = Noise(session.Latents.Shape);
        }

        model.Backend.Upload(noise, session.Latents);
    }

    private void Evaluate(DenoisingSession session)
    {
        Reset(session);
        for (int step = 0; step < Steps; step++)
        {
            session.Run(step, "", CancellationToken.None);
            model.Backend.Pace();
        }
    }

    private void Decode(Tensor latents, Workspace memory) =>
        memory.Return(model.Vae.Model.Decode(latents, memory, NullProbe.Instance, CancellationToken.None));
}
