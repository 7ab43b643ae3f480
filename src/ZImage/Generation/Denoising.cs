using ZImage.Backends;
using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>The steps from noise to latents.</summary>
internal static class Denoising
{
    /// <summary>Runs the schedule.</summary>
    /// <returns>Final latents [images, channels, h, w].</returns>
    public static HostTensor Run(
        GenerationPlan plan,
        NoiseSchedule schedule,
        PromptEmbeddings prompts,
        HostTensor initial,
        LoadedModel model,
        Workspace memory,
        GenerationObserver observer,
        CancellationToken cancellation)
    {
        IBackend backend = model.Backend;
        int[] shape = initial.Shape.ToArray();
        Tensor latents = memory.Rent(DType.F32, shape);
        backend.Upload(initial.Values, latents);
        float[] times = [.. Enumerable.Range(0, schedule.Steps).Select(schedule.ModelTime)];
        observer.Report(GenerationStage.Denoising, 0, schedule.Steps);

        // Guidance ends for good at the first step past the truncation time, so the schedule is two stretches: guided, then plain.
        int guided = plan.UsesGuidance ? times.TakeWhile(plan.IsGuided).Count() : 0;
        if (guided > 0)
        {
            Stretch(0, guided, [.. prompts.Positive, .. prompts.Negative]);
        }

        if (guided < schedule.Steps)
        {
            Stretch(guided, schedule.Steps, prompts.Positive);
        }

        float[] result = new float[latents.Count];
        backend.Download(latents, result);
        return new HostTensor(result, initial.Shape);

        void Stretch(int first, int end, IReadOnlyList<HostTensor> embeds)
        {
            using Workspace scratch = new(backend);
            int items = embeds.Count * plan.Request.ImagesPerPrompt;
            Tensor[] conditions = [.. embeds.SelectMany(e => Enumerable.Repeat(Place(e, model, scratch), plan.Request.ImagesPerPrompt))];
            TransformerRun run = model.WithProbe(
                "transformer.prepare",
                probe => model.Transformer.Prepare(conditions, shape[2], shape[3], times.AsSpan(first, end - first), scratch, probe));
            Tensor input = items == shape[0] ? latents : scratch.Rent(DType.F32, items, shape[1], shape[2], shape[3]);
            Tensor prediction = scratch.Rent(DType.F32, items, shape[1], shape[2], shape[3]);
            for (int step = first; step < end; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (items != shape[0])
                {
                    CopyItems(backend, latents, input.Slice(0, shape[0]));
                    CopyItems(backend, latents, input.Slice(shape[0], shape[0]));
                }

                Evaluate(model, run, step, first, input, prediction, cancellation);
                for (int i = 0; items != shape[0] && i < shape[0]; i++)
                {
                    backend.Guidance(
                        prediction.Slice(i, 1), prediction.Slice(shape[0] + i, 1), (float)plan.Guidance, (float)plan.Request.CfgNormalization);
                }

                backend.EulerStep(latents, prediction.Slice(0, shape[0]), schedule.Sigmas[step], schedule.Sigmas[step + 1]);
                model.RequireFinite(latents, "transformer", $"The latents after step {step + 1}");
                observer.Report(GenerationStage.Denoising, step + 1, schedule.Steps);
            }
        }
    }

    private static void Evaluate(
        LoadedModel model, TransformerRun run, int step, int first, Tensor input, Tensor prediction, CancellationToken cancellation)
    {
        if (!model.HasProbe)
        {
            model.Transformer.Forward(run, step - first, input, prediction, NullProbe.Instance, cancellation);
            return;
        }

        model.WithProbe($"transformer.step-{step + 1:00}", probe =>
        {
            model.Transformer.Forward(run, step - first, input, prediction, probe, cancellation);
            return true;
        });
    }

    private static Tensor Place(HostTensor embeds, LoadedModel model, Workspace memory)
    {
        Tensor rows = memory.Rent(model.Backend.ActivationType, embeds.Shape[0], embeds.Shape[1]);
        model.Backend.Upload(embeds.Values, rows);
        return rows;
    }

    private static void CopyItems(IBackend backend, Tensor source, Tensor destination) =>
        backend.CopyRows(source.Reshape(source.RowCount, source.RowLength), destination.Reshape(destination.RowCount, destination.RowLength));
}
