using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>The cache of compiled kernels, with a compiler that only counts its calls.</summary>
public sealed class KernelCacheTests
{
    private static readonly Version Compiler = new(13, 0);
    private static readonly KernelTarget Hopper = new("sm_90a", false);
    private static readonly KernelSource Source = new("rmsnorm", "source", [new("common/types.cuh", "types"), new("common/reduce.cuh", "reduce")]);

    private int compiled;

    [SetUp]
    public void Start() => compiled = 0;

    [Test]
    public void A_family_is_compiled_once_and_comes_from_the_disk_after_that()
    {
        using TemporaryFolder folder = new();
        KernelImage first = Get(folder.Path, Source, out bool cached);
        KernelImage second = Get(folder.Path, Source, out bool cachedLater);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((cached, cachedLater, compiled), Is.EqualTo((false, true, 1)));
            Assert.That(second.Code, Is.EqualTo(first.Code));
            Assert.That(second.Log, Is.EqualTo("log 1"));
        }
    }

    [Test]
    public void The_source_lies_where_the_compiler_was_told_it_would()
    {
        using TemporaryFolder folder = new();
        string told = "";
        new KernelCache(folder.Path).Get(Source, Hopper, Compiler, path => Compile(told = path), out _);
        string place = Path.GetDirectoryName(told)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.ReadAllText(told), Is.EqualTo("source"));
            Assert.That(File.ReadAllText(Path.Combine(place, "common", "types.cuh")), Is.EqualTo("types"));
            Assert.That(File.ReadAllText(Path.Combine(place, "options.txt")), Does.Contain("--gpu-architecture=sm_90a").And.Contain("13.0"));
            Assert.That(Path.GetFileName(place), Does.StartWith("rmsnorm.sm_90a."));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.EqualTo(new[] { place }), "nothing is left of the writing aside");
        }
    }

    [Test]
    public void Broken_machine_code_is_compiled_again_and_replaced([Values("flip", "cut", "gone", "no digest")] string damage)
    {
        using TemporaryFolder folder = new();
        Get(folder.Path, Source, out _);
        string code = Directory.GetFiles(folder.Path, "kernel.cubin", SearchOption.AllDirectories).Single();
        byte[] bytes = File.ReadAllBytes(code);
        switch (damage)
        {
            case "flip":
                bytes[0] ^= 1;
                File.WriteAllBytes(code, bytes);
                break;
            case "cut":
                File.WriteAllBytes(code, bytes[..^1]);
                break;
            case "gone":
                File.Delete(code);
                break;
            default:
                File.Delete(Path.ChangeExtension(code, ".sha256"));
                break;
        }

        Get(folder.Path, Source, out bool afterDamage);
        Get(folder.Path, Source, out bool afterRepair);
        Assert.That((afterDamage, afterRepair, compiled), Is.EqualTo((false, true, 2)));
    }

    [Test]
    public void Losing_the_race_against_another_process_keeps_the_winners_entry()
    {
        using TemporaryFolder folder = new();
        KernelImage loser = new KernelCache(folder.Path).Get(
            Source,
            Hopper,
            Compiler,
            path =>
            {
                // While this process compiles, another one finishes.
                Get(folder.Path, Source, out _);
                return Compile(path);
            },
            out _);
        KernelImage kept = Get(folder.Path, Source, out bool cached);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cached, Is.True);
            Assert.That(kept.Code, Is.Not.EqualTo(loser.Code));
            Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(1));
        }
    }

    [Test]
    public void A_cache_that_cannot_be_written_is_done_without()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("file");
        File.WriteAllText(file, "");
        KernelImage image = Get(Path.Combine(file, "kernels"), Source, out bool cached);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cached, Is.False);
            Assert.That(image.Code, Is.EqualTo(new byte[] { 1, 2, 3 }));
        }

        Get(null, Source, out _);
        Assert.That(compiled, Is.EqualTo(2));
    }

    [Test]
    public void Whatever_changes_the_machine_code_changes_the_key()
    {
        string[] options = Hopper.Options;
        string[] keys =
        [
            KernelCache.Key(Source, options, Compiler),
            KernelCache.Key(Source with { Text = "source " }, options, Compiler),
            KernelCache.Key(Source with { Family = "rope" }, options, Compiler),
            KernelCache.Key(Source with { Part = "bf16" }, options, Compiler),
            KernelCache.Key(Source with { Headers = [new("common/types.cuh", "types!"), Source.Headers[1]] }, options, Compiler),
            KernelCache.Key(Source with { Headers = [new("common/typesr.cuh", "ypes"), Source.Headers[1]] }, options, Compiler),
            KernelCache.Key(Source with { Headers = [Source.Headers[0]] }, options, Compiler),
            KernelCache.Key(Source, new KernelTarget("sm_89", false).Options, Compiler),
            KernelCache.Key(Source, [.. options, "--maxrregcount=64"], Compiler),
            KernelCache.Key(Source, options, new Version(13, 1)),
        ];
        Assert.That(keys, Is.Unique);
        Assert.That(KernelCache.Key(Source, options, Compiler), Is.EqualTo(keys[0]));
    }

    [Test]
    public void Parts_of_a_file_are_entries_of_their_own()
    {
        using TemporaryFolder folder = new();
        foreach (string part in (string[])["bf16", "f32", "bf16"])
        {
            Get(folder.Path, Source with { Part = part }, out _);
        }

        Assert.That(compiled, Is.EqualTo(2));
        string place = Directory.GetDirectories(folder.Path, "rmsnorm.f32.sm_90a.*").Single();
        Assert.That(File.ReadAllText(Path.Combine(place, "options.txt")), Does.Contain("ZIMAGE_PART_f32=1"));
    }

    [TestCase("of another engine or compiler", "rmsnorm.sm_90a", 8, false)]
    [TestCase("of another engine, used this week", "rmsnorm.sm_90a", 6, true)]
    [TestCase("of a part that is no more", "rmsnorm.old_bf16.sm_90a", 8, false)]
    [TestCase("of another device", "rmsnorm.bf16.sm_80", 89, true)]
    [TestCase("of another device, long unused", "rmsnorm.bf16.sm_80", 91, false)]
    public void What_another_version_or_device_left_goes_when_it_is_old(string what, string name, int days, bool stays)
    {
        using TemporaryFolder folder = new();
        string entry = Entry(folder.Path, $"{name}.{new string('0', 32)}", days);
        new KernelCache(folder.Path).Prune([Source], Hopper, Compiler, DateTime.UtcNow);
        Assert.That(Directory.Exists(entry), Is.EqualTo(stays), what);
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Has.Length.EqualTo(stays ? 1 : 0), "nothing is left of the removal");
    }

    [Test]
    public void Half_written_folders_go_after_a_day_and_what_is_not_the_caches_stays()
    {
        using TemporaryFolder folder = new();
        Entry(folder.Path, ".0123", 2);
        string fresh = Entry(folder.Path, ".4567", 0), foreign = Entry(folder.Path, "photographs", 1000), dots = Entry(folder.Path, "a.b.c", 1000);
        new KernelCache(folder.Path).Prune([Source], Hopper, Compiler, DateTime.UtcNow);
        Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.EquivalentTo(new[] { fresh, foreign, dots }));
    }

    [Test]
    public void The_engines_own_entries_stay_whatever_their_age_and_each_use_renews_them()
    {
        using TemporaryFolder folder = new();
        Get(folder.Path, Source, out _);
        string place = Directory.GetDirectories(folder.Path).Single();
        DateTime old = DateTime.UtcNow.AddDays(-200);
        Directory.SetLastWriteTimeUtc(place, old);
        new KernelCache(folder.Path).Prune([Source], Hopper, Compiler, DateTime.UtcNow);
        Get(folder.Path, Source, out bool cached);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cached, Is.True);
            Assert.That(Directory.GetLastWriteTimeUtc(place), Is.GreaterThan(DateTime.UtcNow.AddDays(-1)));
        }

        // With another compiler it would be another's: in use a moment ago, so it stays.
        new KernelCache(folder.Path).Prune([Source], Hopper, new Version(13, 1), DateTime.UtcNow);
        Assert.That(Directory.Exists(place), Is.True);
    }

    [Test]
    public async Task Processes_that_prune_while_others_read_disturb_nobody()
    {
        using TemporaryFolder folder = new();
        KernelSource other = Source with { Text = "of another version" };
        using CancellationTokenSource end = new();
        Task pruning = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                // In its eyes every entry of the other version has not been used for long.
                new KernelCache(folder.Path).Prune([Source], Hopper, Compiler, DateTime.UtcNow.AddDays(100));
            }
        });
        int made = 0, found = 0;
        for (int i = 0; i < 300; i++)
        {
            KernelImage image = new KernelCache(folder.Path).Get(other, Hopper, Compiler, _ => new KernelImage([1, 2, 3], "log"), out bool cached);
            Assert.That((image.Code, image.Log), Is.EqualTo((new byte[] { 1, 2, 3 }, "log")));
            made += cached ? 0 : 1;
            found += cached ? 1 : 0;
        }

        await end.CancelAsync();
        await pruning;
        Assert.That(made + found, Is.EqualTo(300));
        Assert.That(made, Is.GreaterThan(1), "the pruning was at work meanwhile");
    }

    private static string Entry(string root, string name, int days)
    {
        string folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "kernel.cubin"), "code");
        Directory.SetLastWriteTimeUtc(folder, DateTime.UtcNow.AddDays(-days));
        return folder;
    }

    private KernelImage Get(string? folder, KernelSource source, out bool cached) => new KernelCache(folder).Get(source, Hopper, Compiler, Compile, out cached);

    private KernelImage Compile(string path)
    {
        Assert.That(path, Does.EndWith("rmsnorm.cu"));
        compiled++;
        return new KernelImage([(byte)compiled, 2, 3], $"log {compiled}");
    }
}
