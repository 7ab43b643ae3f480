using System.Text.RegularExpressions;
using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>Kernel files as the compiler gets them.</summary>
public sealed partial class KernelSourceTests
{
    private static readonly Dictionary<string, string> Files = new()
    {
        ["rows.cu"] = "#include \"common/reduce.cuh\"\n",
        ["other.cu"] = "// alone\n",
        ["common/types.cuh"] = "// first\n#pragma once\nint x;\n#if 0\n#include \"absent.cuh\"\n#endif\n",
        ["common/reduce.cuh"] = "#pragma once\n  #  include \"types.cuh\"\n",
        ["common/unused.cuh"] = "#pragma once\n",
    };

    [Test]
    public void A_family_comes_with_the_headers_that_it_includes_and_no_others()
    {
        KernelSources sources = new(Files);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(sources.Families, Is.EqualTo(new[] { "other", "rows" }));
            Assert.That(sources.Family("rows").Headers.Select(header => header.Key), Is.EqualTo(new[] { "common/reduce.cuh", "common/types.cuh" }));
            Assert.That(sources.Family("other").Headers, Is.Empty);
            Assert.That(() => sources.Family("absent"), Throws.ArgumentException.With.Message.Contains("other, rows"));
        }
    }

    [Test]
    public void A_header_is_found_under_both_its_names_guarded_and_with_the_same_lines()
    {
        IReadOnlyList<KeyValuePair<string, string>> named = new KernelSources(Files).Family("rows").NamedHeaders();
        Assert.That(named.Select(header => header.Key), Is.EquivalentTo(new[] { "common/reduce.cuh", "reduce.cuh", "common/types.cuh", "types.cuh" }));
        string[] original = Files["common/types.cuh"].Split('\n');
        string[] guarded = named.First(header => header.Key == "types.cuh").Value.Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(guarded[1], Is.EqualTo("#ifndef ZIMAGE_COMMON_TYPES_CUH"));
            Assert.That(guarded[2..original.Length], Is.EqualTo(original[2..]));
            Assert.That(guarded, Does.Contain("#define ZIMAGE_COMMON_TYPES_CUH").And.Contain("#endif"));
        }
    }

    [Test]
    public void The_engine_holds_every_kernel_file_of_the_repository()
    {
        KernelSources built = KernelSources.FromResources();
        KernelSources folder = KernelSources.FromFolder(Path.Combine(Repository.Root, "kernels"));
        Assert.That(built.Families, Is.EqualTo(folder.Families));
        foreach (string family in folder.Families)
        {
            Assert.That(built.Family(family).Headers, Is.EqualTo(folder.Family(family).Headers), family);
            Assert.That(built.Family(family).Text, Is.EqualTo(folder.Family(family).Text), family);
        }
    }

    [Test]
    public void A_file_is_compiled_in_the_parts_that_it_names_or_whole()
    {
        KernelSources sources = new(new Dictionary<string, string>
        {
            ["rope.cu"] = "#if BUILDS(bf16)\n#endif\n#if BUILDS(wide_bf16) && 1\n#endif\n#if BUILDS(f32)\n#endif\n#if BUILDS(bf16)\n#endif\n",
            ["rows.cu"] = "// #if BUILDS(no)\n",
        });
        IReadOnlyList<KernelSource> units = sources.Units("rope");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(units.Select(unit => unit.Name), Is.EqualTo(new[] { "rope.bf16", "rope.wide_bf16", "rope.f32" }));
            Assert.That(units[0].Definitions, Is.EqualTo(new[] { "--define-macro=ZIMAGE_PARTS=1", "--define-macro=ZIMAGE_PART_bf16=1" }));
            Assert.That(sources.Units("rows").Single(), Has.Property("Name").EqualTo("rows").And.Property("Definitions").Empty);
            Assert.That(KernelSources.UnitOf(units, "rope_any_wide_bf16").Part, Is.EqualTo("wide_bf16"), "the longest that fits");
            Assert.That(KernelSources.UnitOf(units, "rope_any_bf16").Part, Is.EqualTo("bf16"));
            Assert.That(KernelSources.UnitOf(sources.Units("rows"), "rows_copy").Part, Is.Null);
            Assert.That(() => KernelSources.UnitOf(units, "rope_finish"), Throws.ArgumentException.With.Message.Contains("rope.wide_bf16"));
        }
    }

    [TestCase(null, true, true)]
    [TestCase("bf16", true, false)]
    [TestCase("rows64_bf16", true, false)]
    [TestCase("f32", false, true)]
    [TestCase("finish", true, true)]
    public void Parts_for_the_other_activation_type_wait_until_they_are_asked_for(string? part, bool bf16, bool f32)
    {
        KernelSource unit = new("rows", "", [], part);
        Assert.That((unit.IsFor(DType.BF16), unit.IsFor(DType.F32)), Is.EqualTo((bf16, f32)));
    }

    [Test]
    public void Every_entry_lies_in_the_part_that_its_name_says()
    {
        KernelSources sources = KernelSources.FromResources();
        int entries = 0;
        foreach (string family in sources.Families)
        {
            IReadOnlyList<KernelSource> units = sources.Units(family);
            string? part = null;
            foreach (string line in units[0].Text.Split('\n'))
            {
                if (PartPattern().Match(line) is { Success: true } start)
                {
                    part = start.Groups[1].Value;
                }
                else if (line.StartsWith("#endif", StringComparison.Ordinal))
                {
                    part = null;
                }
                else if (EntryPattern().Match(line) is { Success: true } entry)
                {
                    entries++;
                    Assert.That(KernelSources.UnitOf(units, entry.Groups[1].Value).Part, Is.EqualTo(part), line);
                }
            }
        }

        Assert.That(entries, Is.GreaterThan(40));
        foreach (AttentionKernel kernel in Enum.GetValues<AttentionKernel>())
        {
            AttentionLaunch launch = AttentionPlan.Launch(kernel);
            Assert.That(KernelSources.UnitOf(sources.Units(launch.Family), launch.Entry).Family, Is.EqualTo(launch.Family));
        }

        foreach (ConvKernel kernel in Enum.GetValues<ConvKernel>())
        {
            (string family, string entry, _) = ConvPlan.Entry(kernel);
            Assert.That(KernelSources.UnitOf(sources.Units(family), entry).Family, Is.EqualTo(family));
        }
    }

    [Test]
    public void A_folder_that_is_not_there_is_told_with_the_variable_that_names_it() =>
        Assert.That(
            () => KernelSources.FromFolder("/nowhere/kernels"),
            Throws.TypeOf<DeviceException>().With.Message.Contains("ZIMAGE_KERNEL_DIR").And.Message.Contains("/nowhere/kernels"));

    [TestCase(90, "sm_90a", false)]
    [TestCase(100, "sm_100a", false)]
    [TestCase(120, "sm_120", false)]
    [TestCase(80, "sm_80", false)]
    [TestCase(87, "sm_86", false, TestName = "A later minor version runs the machine code of an earlier one")]
    [TestCase(103, "sm_100", false)]
    [TestCase(130, "compute_120", true, TestName = "A device newer than the compiler gets the intermediate form of the newest it knows")]
    public void A_device_gets_the_best_the_compiler_can_do(int capability, string architecture, bool ptx) =>
        Assert.That(KernelTarget.Choose(capability, [75, 80, 86, 89, 90, 100, 120]), Is.EqualTo(new KernelTarget(architecture, ptx)));

    [Test]
    public void A_compiler_that_knows_nothing_for_the_device_is_told() =>
        Assert.That(() => KernelTarget.Choose(80, [90, 100]), Throws.TypeOf<DeviceException>().With.Property("Hint").Contains("ZIMAGE_CUDA_DIR"));

    [Test]
    public void Options_name_the_architecture_keep_lines_and_ask_for_a_report()
    {
        string[] options = new KernelTarget("sm_90a", false).Options;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(options, Does.Contain("--gpu-architecture=sm_90a").And.Contain("--generate-line-info").And.Contain("--std=c++17"));
            Assert.That(options, Has.None.Contains("fast"));
            Assert.That(new KernelTarget("compute_120", true).Options, Has.None.Contains("ptxas"));
        }
    }

    [TestCase("12.4", new string[0])]
    [TestCase("12.9", new[] { "--no-cache" })]
    [TestCase("13.0", new[] { "--no-cache" })]
    public void A_compiler_with_a_cache_of_its_own_is_told_not_to_use_it(string version, string[] options) =>
        Assert.That(KernelTarget.WithoutOwnCache(Version.Parse(version)), Is.EqualTo(options));

    [Test]
    public void Families_for_Hopper_alone_are_left_out_elsewhere()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(new KernelTarget("sm_90a", false).Takes("attention_sm90"), Is.True);
            Assert.That(new KernelTarget("sm_100a", false).Takes("attention_sm90"), Is.False);
            Assert.That(new KernelTarget("sm_100a", false).Takes("attention"), Is.True);
        }
    }

    [Test]
    public void Spills_and_serialised_products_are_warnings_and_nothing_else_is()
    {
        const string Log = """
            ptxas info    : 0 bytes gmem
            ptxas info    : Compiling entry function 'clean_bf16' for 'sm_90a'
            ptxas info    : Function properties for clean_bf16
                0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
            ptxas info    : Used 40 registers, used 1 barriers
            ptxas info    : Compiling entry function 'heavy_bf16' for 'sm_90a'
            ptxas info    : Function properties for heavy_bf16
                16 bytes stack frame, 12 bytes spill stores, 0 bytes spill loads
            ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to ... in function 'heavy_bf16'
            """;
        string[] warnings = [.. new KernelImage([], Log).Warnings()];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(warnings, Has.Length.EqualTo(2));
            Assert.That(warnings[0], Does.StartWith("heavy_bf16").And.Contain("12 bytes spill stores"));
            Assert.That(warnings[1], Does.Contain("C7510"));
        }
    }

    [GeneratedRegex(@"^#if BUILDS\((\w+)\)")]
    private static partial Regex PartPattern();

    [GeneratedRegex("^extern \"C\" __global__ void (?:__launch_bounds__\\([^)]*\\) )?(\\w+)\\(")]
    private static partial Regex EntryPattern();
}
