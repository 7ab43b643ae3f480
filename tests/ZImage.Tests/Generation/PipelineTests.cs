using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Generation;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Tests.Golden;

namespace ZImage.Tests.Generation;

/// <summary>How a pipeline behaves towards its host: progress, events, cancellation, failure, memory.</summary>
public sealed class PipelineTests
{
    private static readonly GenerationRequest Small = new("a red circle") { Width = 64, Height = 48, Steps = 3, Seed = 1 };

    private static readonly PipelineOptions Cpu = new() { Device = "cpu" };

    private static string Checkpoint { get; } = Path.GetDirectoryName(GoldenFile.PathOf("checkpoints", "tiny-turbo", "model_index.json"))!;

    private static IEnumerable<TestCaseData> Unloadable()
    {
        static TestCaseData Case(string path, PipelineOptions options, Type error, string message, string hint) =>
            new TestCaseData(path, options, error, message, hint).SetArgDisplayNames(message);

        yield return Case(Checkpoint, Cpu with { Threads = -1 }, typeof(InvalidRequestException), "-1 processor threads are outside 0..1024", "0 takes one");
        yield return Case(Checkpoint, Cpu with { Threads = 1025 }, typeof(InvalidRequestException), "1025 processor threads are outside 0..1024", "0 takes one");
        yield return Case(Checkpoint, Cpu with { Device = "" }, typeof(DeviceException), "no device called ''", "cuda:N");
        yield return Case(Checkpoint, Cpu with { Precision = "" }, typeof(DeviceException), "no precision called ''", "bf16 or f32");
        yield return Case("", Cpu, typeof(ModelFormatException), "path of the model folder is empty", "text_encoder/");
        yield return Case("\0", Cpu, typeof(ModelFormatException), "no such folder", "text_encoder/");
        yield return Case(Checkpoint, Cpu with { TransformerFile = "" }, typeof(ModelFormatException), "path of a .safetensors file is empty", "Name the file");
        yield return Case(Checkpoint, Cpu with { TokenizerFolder = "" }, typeof(ModelFormatException), "path of the tokenizer's folder is empty", "tokenizer.json");
    }

    [TestCaseSource(nameof(Unloadable))]
    public void What_cannot_be_loaded_is_an_error_of_ours_with_a_hint(string path, PipelineOptions options, Type error, string message, string hint) => Assert.That(
        async () => await ZImagePipeline.LoadAsync(path, options),
        Throws.TypeOf(error).With.Message.Contains(message).And.Property("Hint").Contains(hint));

    [Test]
    public async Task Progress_counts_every_stage_up_to_its_total_in_order()
    {
        List<GenerationProgress> seen = [];
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        await pipeline.GenerateAsync(Small with { ImagesPerPrompt = 2 }, new Synchronous(seen.Add));

        Assert.That(
            seen.Select(p => $"{p.Stage} {p.Completed}/{p.Total}"),
            Is.EqualTo(new[]
            {
                "TextEncoder 0/1", "TextEncoder 1/1", "Denoising 0/3", "Denoising 1/3", "Denoising 2/3", "Denoising 3/3",
                "Decoder 0/2", "Decoder 1/2", "Decoder 2/2",
            }));
        Assert.That(seen.Select(p => p.Elapsed), Is.Ordered);
    }

    [Test]
    public async Task The_event_stream_ends_with_the_result_and_brings_each_picture_before()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        List<GenerationEvent> events = [];
        await foreach (GenerationEvent item in pipeline.GenerateStreamAsync(Small with { ImagesPerPrompt = 2 }))
        {
            events.Add(item);
        }

        GenerationResult expected = await pipeline.GenerateAsync(Small with { ImagesPerPrompt = 2 });
        Assert.That(events[^1], Is.InstanceOf<GenerationEvent.Finished>());
        Assert.That(((GenerationEvent.Finished)events[^1]).Result.Latents.Values, Is.EqualTo(expected.Latents.Values));
        Assert.That(events.OfType<GenerationEvent.ImageReady>().Select(e => e.Image.Image.Rgb), Is.EqualTo(expected.Images.Select(image => image.Image.Rgb)));
    }

    [Test]
    public async Task Leaving_the_event_stream_cancels_the_request_and_the_pipeline_draws_on()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        await foreach (GenerationEvent item in pipeline.GenerateStreamAsync(Small with { Steps = 1000 }))
        {
            if (item is GenerationEvent.Progressed { Progress: { Stage: GenerationStage.Denoising, Completed: 2 } })
            {
                break;
            }
        }

        Assert.That((await pipeline.GenerateAsync(Small)).Images, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Cancelling_stops_within_one_step_and_the_pipeline_draws_on()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        byte[] before = (await pipeline.GenerateAsync(Small)).Images[0].Image.Rgb;
        using CancellationTokenSource source = new();
        int last = 0;
        Synchronous cancelAtTwo = new(p =>
        {
            last = p.Stage == GenerationStage.Denoising ? p.Completed : last;
            if (last == 2)
            {
                source.Cancel();
            }
        });

        Assert.That(
            async () => await pipeline.GenerateAsync(Small with { Steps = 100 }, cancelAtTwo, source.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(last, Is.EqualTo(2), "no step was finished after the one that cancelled");
        Assert.That((await pipeline.GenerateAsync(Small)).Images[0].Image.Rgb, Is.EqualTo(before));
    }

    [Test]
    public async Task A_request_cancelled_before_its_turn_never_starts()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        using CancellationTokenSource source = new();
        await source.CancelAsync();
        List<GenerationProgress> seen = [];
        Assert.That(async () => await pipeline.GenerateAsync(Small, new Synchronous(seen.Add), source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(seen, Is.Empty);
    }

    [Test]
    public async Task An_exception_of_the_progress_callback_reaches_the_caller_and_the_pipeline_draws_on()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        Synchronous faulty = new(p => throw new InvalidTimeZoneException("of the host"));
        Assert.That(async () => await pipeline.GenerateAsync(Small, faulty), Throws.TypeOf<InvalidTimeZoneException>());
        Assert.That((await pipeline.GenerateAsync(Small)).Images, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Requests_from_several_threads_run_one_after_the_other_and_give_what_they_give_alone()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(seed => Small with { Seed = (ulong)seed, Width = 64 + (16 * (seed % 2)) })];
        GenerationResult[] together = await Task.WhenAll(requests.Select(request => Task.Run(() => pipeline.GenerateAsync(request))));
        for (int i = 0; i < requests.Length; i++)
        {
            Assert.That(together[i].Latents.Values, Is.EqualTo((await pipeline.GenerateAsync(requests[i])).Latents.Values));
        }
    }

    [Test]
    public async Task The_resolved_request_gives_the_same_picture_again()
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        GenerationResult first = await pipeline.GenerateAsync(Small with { Seed = null, Steps = null, Guidance = null });
        Assert.That(first.Request.Steps, Is.EqualTo(8));
        Assert.That(first.Request.Guidance, Is.Zero);
        GenerationResult second = await pipeline.GenerateAsync(first.Request);
        Assert.That(second.Images[0].Image.Rgb, Is.EqualTo(first.Images[0].Image.Rgb));
    }

    [Test]
    public async Task A_pipeline_that_is_disposed_refuses_requests_and_can_be_disposed_again()
    {
        ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Checkpoint, Cpu);
        Task<GenerationResult> underWay = pipeline.GenerateAsync(Small);
        await pipeline.DisposeAsync();
        Assert.That((await underWay).Images, Has.Count.EqualTo(1), "disposing waits for what is under way");
        Assert.That(async () => await pipeline.GenerateAsync(Small), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(pipeline.Dispose, Throws.Nothing);
    }

    [Test]
    public void A_step_allocates_nothing_on_the_managed_heap_after_the_first()
    {
        using LoadedModel model = LoadedModel.Load(Checkpoint, new PipelineOptions(), new CpuBackend(2), CancellationToken.None);
        NoiseSchedule schedule = model.Scheduler.Create(4, 12);
        float[] times = [.. Enumerable.Range(0, 4).Select(schedule.ModelTime)];
        SessionKey key = new(1, 6, 8, [20, 30], [.. schedule.Sigmas], times, 3, 1);
        HostTensor[] prompts = [.. key.TextTokens.Select(tokens => new HostTensor(new float[tokens * 96], new Shape(tokens, 96)))];
        DenoisingSession session = model.Session(key, 0);
        session.SetPrompts(prompts);
        model.Backend.Upload(new float[16 * 48], session.Latents);
        session.Run(0, "", CancellationToken.None);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 1; step < 4; step++)
        {
            session.Run(step, "", CancellationToken.None);
            model.Backend.Pace();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private sealed class Synchronous(Action<GenerationProgress> report) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => report(value);
    }
}
